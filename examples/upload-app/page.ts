/** A file on this host; `bytes` is undefined where it has not arrived. */
export interface ShownFile {
  path: string;
  bytes: number | undefined;
}
export interface ShownPhoto {
  title: string;
  savedOn: string;
  picture: ShownFile;
  thumbnail: ShownFile;
}

export function renderPage(host: string, root: string, photos: readonly ShownPhoto[]): string {
  const list =
    photos.length === 0
      ? '<p class="empty">No pictures yet.</p>'
      : `<ul>${photos.map(renderPhoto).join('')}</ul>`;
  return renderDocument(
    host,
    `<form action="/photos" method="post" enctype="multipart/form-data">
      <h2>Add a picture</h2>
      <label>Title <input name="title" required maxlength="200" autocomplete="off"></label>
      <label>Picture <input name="picture" type="file" accept="image/jpeg,image/png,image/webp" required></label>
      <button>Save on ${escapeHtml(host)}</button>
    </form>
    <section aria-labelledby="pictures">
      <h2 id="pictures">Pictures, as this host has them</h2>
      <p class="root">Files lie below <code>${escapeHtml(root)}</code></p>
      ${list}
    </section>`,
  );
}

export function renderError(host: string, message: string): string {
  return renderDocument(
    host,
    `<p role="alert">${escapeHtml(message)}</p><p><a href="/">Back to the pictures</a></p>`,
  );
}

function renderPhoto({ title, savedOn, picture, thumbnail }: ShownPhoto): string {
  const shown = thumbnail.bytes === undefined ? picture : thumbnail;
  const image =
    shown.bytes === undefined
      ? '<div class="absent">not here yet</div>'
      : `<a href="/${escapeHtml(picture.path)}"><img src="/${escapeHtml(shown.path)}" ` +
        `alt="${escapeHtml(title)}" width="320" height="240" loading="lazy"></a>`;
  return `<li><figure>${image}<figcaption>
      <strong>${escapeHtml(title)}</strong> <span>saved on ${escapeHtml(savedOn)}</span>
      <dl>${renderFile('picture', picture)}${renderFile('thumbnail', thumbnail)}</dl>
    </figcaption></figure></li>`;
}

function renderFile(what: string, { path, bytes }: ShownFile): string {
  const state = bytes === undefined ? '<b>not here yet</b>' : `${bytes.toLocaleString('en')} bytes`;
  return `<div><dt>${what}</dt><dd>${state}<br><code>${escapeHtml(path)}</code></dd></div>`;
}

function renderDocument(host: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Pictures on ${escapeHtml(host)}</title>
  <style>${STYLE}</style>
</head>
<body>
  <header><h1>Pictures</h1><p>This page comes from <strong>${escapeHtml(host)}</strong></p></header>
  <main>${body}</main>
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${String(character.charCodeAt(0))};`);
}

const STYLE = `
  :root { color-scheme: light dark; --ink: #1d2430; --soft: #586374; --paper: #f5f6f8; --card: #fff; --line: #d9dee6; --accent: #0b63ce; --on-accent: #fff; --alert: #b3261e; }
  @media (prefers-color-scheme: dark) { :root { --ink: #e8ebf0; --soft: #a3adbb; --paper: #14181f; --card: #1d232d; --line: #343d4b; --accent: #7db4ff; --on-accent: #10141a; --alert: #ff8a80; } }
  * { box-sizing: border-box; }
  body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
  header, main { max-width: 70rem; margin: 0 auto; padding: 1rem 1.25rem; }
  header { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: 0 1rem; }
  h1, h2 { line-height: 1.2; margin: 0; }
  h2 { font-size: 1.15rem; }
  header p, .root { margin: 0; color: var(--soft); }
  .root { font-size: .875rem; }
  form, figure { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; }
  form { display: flex; flex-wrap: wrap; align-items: end; gap: 1rem; padding: 1.25rem; margin-bottom: 2rem; }
  form h2 { flex-basis: 100%; }
  label { display: grid; gap: .25rem; flex: 1 1 15rem; font-weight: 600; }
  input, button { font: inherit; font-weight: 400; color: inherit; background: transparent; border: 1px solid var(--soft); border-radius: .5rem; padding: .5rem .75rem; width: 100%; min-height: 2.75rem; }
  button { width: auto; font-weight: 600; color: var(--on-accent); background: var(--accent); border-color: var(--accent); cursor: pointer; }
  a { color: var(--accent); }
  :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
  ul { list-style: none; margin: 1rem 0; padding: 0; display: grid; gap: 1.25rem; grid-template-columns: repeat(auto-fill, minmax(min(17rem, 100%), 1fr)); }
  figure { margin: 0; overflow: hidden; height: 100%; }
  img, .absent { display: block; width: 100%; height: auto; aspect-ratio: 4 / 3; object-fit: cover; }
  .absent { display: grid; place-items: center; color: var(--soft); background: var(--line); }
  figcaption { padding: .75rem 1rem 1rem; overflow-wrap: anywhere; }
  figcaption span { color: var(--soft); }
  dl { margin: .5rem 0 0; font-size: .875rem; display: grid; gap: .5rem; }
  dl div { display: grid; grid-template-columns: 5.5rem 1fr; }
  dt { color: var(--soft); }
  dd { margin: 0; }
  code { font-size: .8125rem; color: var(--soft); }
  b, [role=alert] { color: var(--alert); }
  [role=alert] { font-weight: 600; }
`;

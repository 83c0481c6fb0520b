// What a visitor does at a site that listens on `port`: `save PATH` posts a document that names the file, and waits until every host
// has it; `get PATH` asks for the file. Prints one line of JSON.
exports.visit = async function visit([what, path], port, sync) {
  const url = `http://127.0.0.1:${port}`;
  if (what === 'save') {
    const answer = await fetch(`${url}/photos`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ file: path }),
    });
    if (answer.status !== 201) throw new Error(`the site answered ${answer.status}: ${await answer.text()}`);
    console.log(JSON.stringify(await sync.waitFor(path, { copies: 'all', timeout: 60_000 })));
  } else {
    const answer = await fetch(`${url}/${path}`);
    console.log(JSON.stringify({ status: answer.status, text: await answer.text() }));
  }
};

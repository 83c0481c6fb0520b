/** What an app may call a file, and a shell, rsync or a list could take for something else. */
export const hostileNames = [
  'with space.jpg', `quote'and"quote.jpg`, 'semi;colon.jpg', '$(touch gone).jpg', '`touch gone`.jpg', 'new\nline.jpg', '-leading-dash.jpg', '😀 emoji é.jpg',
  `${'x'.repeat(251)}.jpg`, '#hash.jpg', ';semicolon-first.jpg', 'back\\slash.jpg', '\\#101.jpg', 'we[i]rd*?.jpg', ':colon.jpg', 'host:path.jpg', ' .jpg', '~tilde.jpg', '-',
];

import { Repository } from '../../../src/transport/git/repository.js';

// Starts one program of the history, which is `git` of PATH, and waits to be killed.
const [place = ''] = process.argv.slice(2);
new Repository(place, 'this-host', 600_000).start([], new AbortController().signal);
console.log('started');
setInterval(() => undefined, 60_000);

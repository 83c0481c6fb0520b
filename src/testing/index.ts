export { listSentFiles, type SentFiles } from './list-sent-files.js';

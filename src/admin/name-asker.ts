import type { Request } from 'express';
import { readCredentials } from './gate.js';

const longest = 100;

/** Who asks, for the audit log: a name that nothing proves but that whoever gave it may use the router, and the address. */
export function nameAsker(request: Request, nameOf?: (request: Request) => string): string {
  const given = nameOf?.(request) ?? readCredentials(request.headers.authorization)?.user ?? '';
  const name = given.replace(/\p{Cc}/gu, '').slice(0, longest);
  return `${name === '' ? 'somebody' : JSON.stringify(name)} through the router, from ${request.socket.remoteAddress ?? 'an unknown address'}`;
}

import type { Request } from 'express';
import { readCredentials } from './authorizer.js';

const maxNameLength = 100;

/**
 * Returns the requester's name and address for the audit log. Nothing proves the name, except
 * that the requester may use the router.
 */
export function describeRequester(request: Request, nameOf?: (request: Request) => string): string {
  const given = nameOf?.(request) ?? readCredentials(request.headers.authorization)?.user ?? '';
  const name = given.replace(/\p{Cc}/gu, '').slice(0, maxNameLength);
  return (
    `${name === '' ? 'somebody' : JSON.stringify(name)} through the router, from ` +
    `${request.socket.remoteAddress ?? 'an unknown address'}`
  );
}

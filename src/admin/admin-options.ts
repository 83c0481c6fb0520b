import type { Request } from 'express';
import * as v from 'valibot';
import {
  defineFlag,
  loggerSchema,
  type OptionDefinitions,
  type OptionValues,
  parseOptions,
} from '../config/option-definition.js';
import { type Log, stderrLog } from '../model/log.js';
import type { Authorization } from './authorizer.js';

/**
 * The options of `syncAdmin(options)`. Without `authorize` or a token the router refuses
 * everyone.
 */
export interface AdminOptions {
  /**
   * Decides whether a request may use the router: only `true` and `'approve'` allow it. The
   * router calls it if the request has no valid token. `'approve'` also allows the approval of
   * hosts; for that the router calls it even if the token is valid. Default: nobody.
   */
  authorize?: ((request: Request) => Authorization | Promise<Authorization>) | undefined;
  /**
   * At least 32 characters, sent as Bearer token or as the password of Basic. Default:
   * `SYNCMEDIA_ADMIN_TOKEN`.
   */
  token?: string | undefined;
  /** Refuses every request that changes something. Default false. */
  readOnly?: boolean | undefined;
  /** Names the requester for the audit log. Default: the user name of Basic, as it was sent. */
  nameOf?: ((request: Request) => string) | undefined;
  /** Receives warnings and errors. Default: the log of the instance. */
  log?: Log | undefined;
}

export const adminOptions = {
  authorize: {
    schema: v.optional(
      v.custom<NonNullable<AdminOptions['authorize']>>((value) => typeof value === 'function'),
    ),
    description:
      "Decides whether a request may use the router: only `true` and `'approve'` allow it. The " +
      'router calls it if the request has no valid token. ' +
      "`'approve'` also allows the approval of " +
      'hosts; for that the router calls it even if the token is valid.',
    expected: 'a function of the request',
    default: 'nobody',
  },
  token: {
    schema: v.optional(v.pipe(v.string(), v.minLength(32))),
    description: 'At least 32 characters, sent as Bearer token or as the password of Basic.',
    expected: 'at least 32 characters; `openssl rand -hex 32` makes them',
    default: '`SYNCMEDIA_ADMIN_TOKEN`',
    secret: true,
  },
  readOnly: defineFlag(false, 'Refuses every request that changes something.'),
  nameOf: {
    schema: v.optional(
      v.custom<NonNullable<AdminOptions['nameOf']>>((value) => typeof value === 'function'),
    ),
    description: 'Names the requester for the audit log.',
    expected: 'a function of the request',
    default: 'the user name of Basic, as it was sent',
  },
  log: {
    schema: v.optional(loggerSchema, stderrLog),
    description: 'Receives warnings and errors.',
    expected: 'a logger with the methods info, warn and error',
    default: 'the log of the instance',
  },
} satisfies OptionDefinitions<AdminOptions>;

/** @throws BAD_OPTION */
export function resolveAdminOptions(options: AdminOptions): OptionValues<typeof adminOptions> {
  return parseOptions(adminOptions, options, 'syncAdmin');
}

import type { IncomingHttpHeaders } from 'node:http';
import * as v from 'valibot';
import type { SessionState } from '../../api/session.js';
import { version } from '../../util/version.js';
import {
  type AdminAnswer,
  type AdminRoute,
  get,
  post,
  remove,
  type Requester,
} from '../admin-route.js';
import { dateText, objectOf } from '../answers/json.js';
import { maxNameLength } from '../describe-requester.js';
import { textField } from '../fields.js';
import { Refusal } from '../refusal.js';
import { formatSessionCookie } from './session-cookie.js';
import type { Session } from './session-seal.js';

const sessionAnswer = objectOf<SessionState>({
  signedIn: v.boolean(),
  name: v.exactOptional(v.string()),
  until: v.exactOptional(dateText),
  signIn: v.picklist(['token', 'none']),
  mayChange: v.boolean(),
  mayApprove: v.boolean(),
  version: v.exactOptional(v.string()),
});

export const sessionRoutes: readonly AdminRoute[] = [
  post('/session', {
    about: 'sign in with the token; sets a cookie for 12 hours',
    isPublic: true,
    changesNothing: true,
    body: { token: textField(4_096), name: v.exactOptional(textField(maxNameLength)) },
    statuses: [204],
    handle: (_sync, { body: { token, name = '' }, headers, requester }) =>
      answerCookie(requester.signIn(token, name), headers, requester),
  }),
  get('/session', {
    about: 'who is signed in, and what the person may do; without credentials',
    isPublic: true,
    answer: sessionAnswer,
    handle: async (_sync, { requester, readOnly }) => {
      const admission = await admit(requester.requireAuthorized());
      const mayChange = admission !== undefined && !readOnly;
      const state: SessionState = {
        signedIn: admission !== undefined,
        ...describeSession(admission?.session),
        signIn: requester.cookieName === undefined ? 'none' : 'token',
        mayChange,
        mayApprove: mayChange && (await requester.mayApprove()),
        // Strangers need not know which faults this version has.
        ...(admission && { version }),
      };
      return { status: 200, body: state };
    },
  }),
  remove('/session', {
    about: 'sign out: removes the cookie',
    isPublic: true,
    changesNothing: true,
    statuses: [204],
    handle: (_sync, { headers, requester }) => answerCookie('', headers, requester),
  }),
];

function answerCookie(
  sealed: string,
  headers: IncomingHttpHeaders,
  { cookieName }: Requester,
): AdminAnswer {
  return {
    status: 204,
    ...(cookieName !== undefined && {
      headers: { 'Set-Cookie': formatSessionCookie(cookieName, sealed, headers) },
    }),
  };
}

/** Returns nothing if the requester is refused. */
async function admit(
  authorized: Promise<Session | undefined>,
): Promise<{ session: Session | undefined } | undefined> {
  try {
    return { session: await authorized };
  } catch (error) {
    if (error instanceof Refusal && (error.status === 401 || error.status === 403))
      return undefined;
    throw error;
  }
}

function describeSession(session: Session | undefined): Pick<SessionState, 'name' | 'until'> {
  if (!session) return {};
  return { ...(session.name !== '' && { name: session.name }), until: session.until };
}

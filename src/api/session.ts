/** Who uses the router, as `GET /session` tells the admin page. */
export interface SessionState {
  /** Whether the requester is admitted, by a session or otherwise. */
  signedIn: boolean;
  /** The name that was given at the sign-in. Nothing proves it. */
  name?: string;
  /** The end of the session. Absent without a session. */
  until?: Date;
  /** `none`: there is no token to sign in with; the function `authorize` alone decides. */
  signIn: 'token' | 'none';
  /** Whether the router accepts changes from the requester. */
  mayChange: boolean;
  mayApprove: boolean;
  /** The version of syncmedia that answers. Strangers are not told. */
  version?: string;
}

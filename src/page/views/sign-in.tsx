import type { JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';
import type { Api } from '../api.js';
import { Heading } from '../parts/heading.js';
import { ErrorNotice } from '../parts/notice.js';
import { ApiError } from '../read-answer.js';
import { texts } from '../texts.js';
import type { PageSession } from '../wire.js';

/** The form, or the sentence that the application decides who gets in. */
export function SignInView({
  api,
  session,
  done,
}: {
  api: Api;
  session: PageSession;
  done: (session: PageSession) => void;
}): JSX.Element {
  const token = useRef<HTMLInputElement>(null);
  const name = useRef<HTMLInputElement>(null);
  const [isAsking, setAsking] = useState(false);
  const [error, setError] = useState<unknown>();
  const signIn = (): void => {
    setAsking(true);
    setError(undefined);
    const given = name.current?.value.trim() ?? '';
    api
      .send('POST', 'session', {
        token: token.current?.value ?? '',
        ...(given !== '' && { name: given }),
      })
      .then(() => api.get<PageSession>('session'))
      .then(
        (now) => {
          if (now.signedIn) done(now);
          else setError(new ApiError(0, texts.notSignedIn, undefined, texts.notSignedInRemedy));
        },
        (reason: unknown) => {
          setError(
            reason instanceof ApiError && reason.status === 401
              ? new Error(texts.wrongToken)
              : reason,
          );
          token.current?.select();
        },
      )
      .finally(() => {
        setAsking(false);
      });
  };
  if (session.signIn === 'none')
    return <Heading title={texts.notAllowed}>{texts.notAllowedMore}</Heading>;
  return (
    <>
      <Heading title={texts.signIn}>{texts.signInMore}</Heading>
      <form
        class="sign-in"
        onSubmit={(event) => {
          event.preventDefault();
          signIn();
        }}
      >
        <label class="field">
          <span>{texts.token}</span>
          <input type="password" ref={token} required autocomplete="current-password" />
        </label>
        <label class="field">
          <span>{texts.yourName}</span>
          <input ref={name} maxLength={100} autocomplete="username" />
          <small>{texts.yourNameMore}</small>
        </label>
        <button type="submit" class="main" disabled={isAsking}>
          {isAsking ? texts.working : texts.signIn}
        </button>
      </form>
      {error !== undefined && <ErrorNotice error={error} />}
    </>
  );
}

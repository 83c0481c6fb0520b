import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { addressOf } from '../api.js';
import { usePage } from '../page-context.js';
import { texts } from '../texts.js';
import type { ConnectionCheck, WireHost } from '../wire.js';
import { Icon } from './icon.js';
import { Text } from './names.js';
import { ErrorNotice } from './notice.js';

/** Connects to a host now and shows each check. It changes nothing, so it asks nothing first. */
export function TestConnection({ host }: { host: Pick<WireHost, 'hostname'> }): JSX.Element {
  const { api, say, isStale } = usePage();
  const [isTesting, setTesting] = useState(false);
  const [checks, setChecks] = useState<readonly ConnectionCheck[]>();
  const [error, setError] = useState<unknown>();
  const test = (): void => {
    setTesting(true);
    setError(undefined);
    api
      .send<{ checks: ConnectionCheck[] }>('POST', addressOf('hosts', host.hostname, 'test'))
      .then(({ checks: found }) => {
        setChecks(found);
        const failed = found.find(({ ok }) => !ok);
        say(failed ? failed.message : texts.testPassed);
      }, setError)
      .finally(() => {
        setTesting(false);
      });
  };
  return (
    <>
      <button type="button" onClick={test} disabled={isTesting || isStale}>
        {isTesting ? texts.testing : checks ? texts.testAgain : texts.test}
      </button>
      {error !== undefined && <ErrorNotice error={error} />}
      {checks && (
        <ul class="plain checks">
          {checks.map(({ name, ok, message, remedy }) => (
            <li key={name}>
              <Icon name={ok ? 'ok' : 'down'} /> {ok ? texts.passed : texts.failed}:{' '}
              <Text text={message} />{' '}
              {remedy !== undefined && (
                <b>
                  <Text text={remedy} />
                </b>
              )}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

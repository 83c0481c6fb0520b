import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { addressOf } from '../api.js';
import { usePage } from '../page-context.js';
import { Icon } from '../parts/icon.js';
import { Load, useLoaded } from '../parts/loaded.js';
import { Text } from '../parts/names.js';
import { TestConnection } from '../parts/test-connection.js';
import { PauseDialog, ResumeButton } from '../dialogs/pause.js';
import { RetireDialog } from '../dialogs/retire.js';
import { TransferDialog, type TransferKind } from '../dialogs/transfer.js';
import { VerifyDialog } from '../dialogs/verify.js';
import { texts } from '../texts.js';
import type { WireCheck, WireHost } from '../wire.js';

/** Everything that can be done to a host. Each action shows its effect before it runs. */
export function HostActions({ host }: { host: WireHost }): JSX.Element {
  const { ask, isStale, live } = usePage();
  const [isExamined, setExamined] = useState(false);
  const here = live.shown?.overview.thisHost?.hostname;
  // A passive host carries out nothing: the host that answers does it for it.
  const at = host.passive ? (here ?? host.hostname) : host.hostname;
  const only = host.passive ? [host.hostname] : undefined;
  const transfer = (kind: TransferKind) => (): void => {
    ask(<TransferDialog kind={kind} at={at} {...(only && { hosts: only })} />);
  };
  const open = (text: string, act: () => void, look?: string): JSX.Element => (
    <button type="button" class={look} onClick={act} disabled={isStale}>
      {text} …
    </button>
  );
  return (
    <>
      <div class="acts">
        {!host.thisHost && <TestConnection host={host} />}
        <button
          type="button"
          onClick={() => {
            setExamined(true);
          }}
        >
          {texts.examine}
        </button>
        {open(texts.actions.push, transfer('push'))}
        {!host.passive && open(texts.actions.pull, transfer('pull'))}
        {open(texts.actions.verify, () => {
          ask(<VerifyDialog at={at} {...(only && { hosts: only })} />);
        })}
        {!host.passive && open(texts.actions.adopt, transfer('adopt'))}
        {host.approval === 'paused' ? (
          <ResumeButton host={host} />
        ) : (
          open(texts.actions.pause, () => {
            ask(<PauseDialog host={host} />);
          })
        )}
        {open(
          texts.actions.retire,
          () => {
            ask(<RetireDialog host={host} />);
          },
          'grave',
        )}
      </div>
      {isExamined && <Examination host={host} />}
    </>
  );
}

function Examination({ host }: { host: WireHost }): JSX.Element {
  const { api } = usePage();
  const loaded = useLoaded(
    (signal) => api.get<{ checks: WireCheck[] }>('doctor', { host: host.hostname }, signal),
    addressOf(host.id),
  );
  return (
    <Load loaded={loaded}>
      {({ checks }) => (
        <ul class="plain checks">
          {checks.map(({ name, state, message, remedy }) => (
            <li key={name}>
              <Icon name={state === 'failed' ? 'down' : 'ok'} /> <strong>{name}</strong>{' '}
              {texts.checkStates[state]}: <Text text={message} />{' '}
              {remedy !== undefined && (
                <b>
                  <Text text={remedy} />
                </b>
              )}
            </li>
          ))}
        </ul>
      )}
    </Load>
  );
}

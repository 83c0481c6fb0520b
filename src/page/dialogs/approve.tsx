import type { JSX } from 'preact';
import { addressOf } from '../api.js';
import { showHidden } from '../format.js';
import { usePage } from '../page-context.js';
import { Ask } from '../parts/ask.js';
import { Command } from '../parts/command.js';
import { Facts } from '../parts/facts.js';
import { Text, shorten } from '../parts/names.js';
import { Notice } from '../parts/notice.js';
import { texts } from '../texts.js';
import type { WireHost, WireHostDescription } from '../wire.js';

export function ApproveButton({ host }: { host: WireHost }): JSX.Element {
  const { ask, isStale } = usePage();
  return (
    <button
      type="button"
      disabled={isStale}
      onClick={() => {
        ask(<ApproveDialog host={host} />);
      }}
    >
      {texts.compareKey} …
    </button>
  );
}

/**
 * Shows what an approval covers. Only somebody for whom the application answers 'approve' may
 * approve here; for everyone else it has the command.
 */
function ApproveDialog({ host }: { host: WireHost }): JSX.Element {
  const { api, session } = usePage();
  const name = shorten(showHidden(host.hostname));
  return (
    <Ask<WireHostDescription>
      title={texts.approveQuestion(name)}
      load={async (signal) =>
        (await api.get<{ host: WireHostDescription }>(addressOf('hosts', host.id), {}, signal)).host
      }
      describe={(row) => (
        <>
          {row.unsealed === true && <Notice icon="halted">{texts.unsealed}</Notice>}
          <Facts
            facts={[
              {
                name: texts.facts.ownKey,
                value: row.key ? <code>{row.key.fingerprint}</code> : texts.noKey,
              },
              {
                name: texts.facts.hostKeys,
                value: row.hostKeys.map(({ fingerprint }) => (
                  <div key={fingerprint}>
                    <code>{fingerprint}</code>
                  </div>
                )),
              },
              {
                name: texts.facts.address,
                value: <Text text={`${row.username}@${row.url}:${String(row.sshPort)}`} />,
              },
              { name: texts.facts.root, value: <Text text={row.rootPath} /> },
              {
                name: texts.facts.syncDirs,
                value: <Text text={row.syncDirs.join(', ') || texts.allDirs} />,
              },
            ]}
          />
          <ul>
            <li>{texts.compareWith(name)}</li>
            <li>{texts.approveMeans}</li>
          </ul>
          {!session.mayApprove && (
            <>
              <p>{texts.approveByCommand}</p>
              <Command command={`npx syncmedia approve ${quoteForShell(row.hostname)}`} />
            </>
          )}
        </>
      )}
      confirm={() => (session.mayApprove ? texts.approveIt(name) : undefined)}
      run={async ({ digest }) => {
        await api.send('POST', addressOf('hosts', host.id, 'approve'), { digest });
        return texts.approved(name);
      }}
    />
  );
}

/** A name with anything unusual must not become part of a command when it is copied. */
function quoteForShell(word: string): string {
  return /^[\w.-]+$/.test(word) && !word.startsWith('-')
    ? word
    : `-- '${word.replaceAll("'", `'\\''`)}'`;
}

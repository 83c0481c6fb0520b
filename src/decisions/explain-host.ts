import { getRemedy, type ErrorCode } from '../model/error-catalogue.js';
import type { Failure } from '../model/failure.js';
import type { Host } from '../model/host.js';
import type { HostStateName } from '../model/host-state.js';
import { absenceText, assessAbsence, type Absence } from './assess-absence.js';
import {
  isSilent,
  isUnreachable,
  type BlockedFacts,
  type HostFacts,
  type SenderFacts,
} from './host-state.js';

/** What the sentences about a host need beyond what decides its state. */
export interface ExplainedHost extends HostFacts {
  /** Its hostname. */
  readonly name: string;
  readonly host: HostFacts['host'] &
    Partial<Pick<Host, 'unsealed' | 'unreadable' | 'returnedAt' | 'updatedAt'>>;
  readonly isThisHost: boolean;
  /** Files that it has of those that a bootstrap found, and the hostnames that send to it. */
  readonly filling?: { files: number; filesFound: number; from: readonly string[] };
  readonly paused?: { by?: string; reason?: string; since?: Date };
}

/** The state of a host in words. The sentences name the host and contain no ages. */
export interface HostExplanation {
  /** One short line for a table; may be empty. */
  readonly note: string;
  readonly since?: Date;
  readonly cause?: string;
  /** The work that goes on by itself, and the files that are not lost. */
  readonly consequence?: string;
  readonly remedy?: string;
  readonly code?: ErrorCode;
}

type Explain = (host: ExplainedHost) => HostExplanation;

/** Short forms of the codes that a delivery may fail with, for tables. */
const shortForms: Partial<Record<ErrorCode, string>> = {
  HOST_UNREACHABLE: 'no connection',
  HOST_KEY_MISMATCH: 'shows another host key',
  AUTH_FAILED: 'refuses our key',
  TIMED_OUT: 'timed out',
  NO_SFTP: 'no SFTP',
  MISSING_PROGRAM: 'a program is missing',
  NO_MARKER: 'a sync dir is not mounted',
  DISK_FULL: 'no space left',
  PERMISSION_DENIED: 'may not write',
  LINK_FAILED: 'no hard links',
  SYMLINK_IN_PATH: 'a symlink in the path',
  NOT_A_FILE: 'something else lies there',
};

/** Explains the state of a host: one sentence each, and the catalogue's remedy for its code. */
export function explainHost(state: HostStateName, host: ExplainedHost): HostExplanation {
  return explanations[state](host);
}

const explanations: Readonly<Record<HostStateName, Explain>> = {
  pending: ({ name, host: { unsealed, unreadable = [], updatedAt } }) => ({
    note: unreadable.length > 0 ? 'its row is malformed' : unsealed ? 'its row has no seal' : '',
    ...(updatedAt && !unsealed && { since: updatedAt }),
    cause:
      unreadable.length > 0
        ? `The row of ${name} in the database is malformed (${unreadable.join(', ')}), so the ` +
          `host counts as not approved.`
        : unsealed
          ? `The row of ${name} in the database has no valid seal, so the host counts as not ` +
            `approved.`
          : `${name} has registered, and nobody has approved it yet.`,
    consequence:
      `Until then the other hosts send it nothing and refuse its key. ` +
      `Files that are saved there stay on its disk.`,
    ...withRemedy('HOST_NOT_APPROVED'),
  }),
  cloned: ({ name }) => ({
    note: 'stopped on both',
    cause: `Two machines run with the host id of ${name}, and both have stopped.`,
    consequence:
      `What waits for ${name} and what is saved there is kept, and delivered once one of them ` +
      `runs alone.`,
    ...withRemedy('HOST_CLONED'),
  }),
  down: (host) => {
    const explained =
      isUnreachable(host) && host.senders.length > 0
        ? explainUnreachable(host)
        : explainSilent(host);
    const absence = assessAbsence(host);
    return absence ? { ...explained, ...explainAbsence(host, absence) } : explained;
  },
  halted: ({ name, host: { halted } }) => {
    const dirs = Object.keys(halted);
    return {
      note: dirs.join(', '),
      cause:
        `Very many files of ${dirs.join(' and ')} were deleted on ${name} at once, so their ` +
        `removal waits for a person.`,
      consequence: 'No host removes them until somebody decides. Everything else goes on.',
      ...withRemedy('REMOVALS_HALTED'),
    };
  },
  blocked: (host) => {
    const failing = host.senders.find(({ failure }) => failure);
    return failing?.failure ? explainFailing(host, failing, failing.failure) : explainBlocked(host);
  },
  filling: ({ name, filling, host: { createdAt, returnedAt } }) => {
    const since = returnedAt ?? createdAt;
    return {
      note: describeFilling(filling),
      ...(since && { since }),
      cause: returnedAt
        ? `${name} has come back after a long absence, and gets the files that it lacks.`
        : `${name} has joined, and gets the files that it lacks.`,
      consequence:
        'Until it has them all, no host fetches files from it, and its `/readyz` answers 503.',
    };
  },
  paused: ({ name, paused = {} }) => {
    const why = paused.reason ? `: “${paused.reason}”` : '';
    return {
      note: [paused.by && `by ${paused.by}`, paused.reason].filter(Boolean).join(': '),
      ...(paused.since && { since: paused.since }),
      cause: paused.by ? `${paused.by} paused ${name}${why}.` : `${name} is paused${why}.`,
      consequence: 'Files that are saved meanwhile wait, and are delivered once it is resumed.',
      remedy: `Resume it with \`syncmedia hosts edit ${name} --status approved\`.`,
    };
  },
  behind: ({ name, oldestPending }) => ({
    note: '',
    ...(oldestPending && { since: oldestPending }),
    cause: `Files that were saved more than a minute ago have not reached ${name} yet.`,
    consequence:
      'They are delivered by themselves, in the order of their saves as far as possible.',
  }),
  'up to date': ({ isThisHost }) => ({ note: isThisHost ? 'this host' : '' }),
};

function explainUnreachable({ name, senders, ...facts }: ExplainedHost): HostExplanation {
  const failing = senders.filter(({ failure }) => failure);
  const [first] = failing;
  const failure = first?.failure;
  return {
    note: shortenFailure(failure),
    ...earliest(failing.map(({ failingSince }) => failingSince)),
    cause: `${listNames(failing)} cannot reach ${name}: ${trimSentence(failure?.message ?? '')}.`,
    consequence:
      `Nothing is lost: what waits for ${name} is delivered by itself once it can be reached.` +
      (isSilent(facts) ? ' What was saved there and not delivered yet waits on its disk.' : ''),
    ...withRemedy(failure?.code ?? 'HOST_UNREACHABLE'),
  };
}

function explainSilent({
  name,
  host: { heartbeatAt, status, createdAt },
}: ExplainedHost): HostExplanation {
  const since = heartbeatAt ?? createdAt;
  return {
    note: heartbeatAt ? 'no heartbeat' : 'never started',
    ...(since && { since }),
    cause: heartbeatAt
      ? `No process of ${name} has sent a heartbeat for more than two minutes.`
      : `${name} is registered, and no process of it has started syncmedia yet.`,
    consequence:
      status === 'paused'
        ? `${name} is paused, so what is saved meanwhile waits until it is resumed.`
        : `Nothing is lost: the other hosts go on sending to ${name} while its sshd answers. ` +
          `What was saved there and not delivered yet waits until it runs.`,
    ...withRemedy('HOST_SILENT'),
  };
}

function explainAbsence(
  { name }: ExplainedHost,
  { since, command }: Absence,
): Partial<HostExplanation> {
  return {
    note: `away for over ${absenceText}`,
    since,
    remedy:
      `If ${name} comes back, start it, and it gets what it lacks. If it does not, run ` +
      `\`${command}\` on another host: then nothing waits for it any more. The command refuses ` +
      `while ${name} is the last host with some file.`,
  };
}

function explainFailing(
  { name }: ExplainedHost,
  { from, failingSince }: SenderFacts,
  failure: Failure,
): HostExplanation {
  return {
    note: `from ${from}: ${shortenFailure(failure)}`,
    ...(failingSince && { since: failingSince }),
    cause: `${from} cannot deliver to ${name}: ${trimSentence(failure.message)}.`,
    consequence: `What waits is kept, and ${from} tries again by itself. Other hosts go on.`,
    ...withRemedy(failure.code),
  };
}

function explainBlocked({ name, blocked, host: { status } }: ExplainedHost): HostExplanation {
  const files = blocked.reduce((sum, one) => sum + one.files, 0),
    retried = blocked.reduce((sum, one) => sum + one.retried, 0);
  const [worst] = [...blocked].sort((a, b) => b.files - a.files);
  if (!worst) return { note: '' };
  const what = files === 1 ? worst.path : `${formatFiles(files)}, such as ${worst.path},`;
  return {
    note: describeBlocked(files, worst),
    ...earliest(blocked.map(({ since }) => since)),
    cause: `${what} cannot be delivered to ${name}: ${trimSentence(worst.message)}.`,
    consequence:
      status === 'paused'
        ? `${name} is paused as well, so nothing is tried until it is resumed.`
        : `All other files go on. ${describeRetries(files, retried)}`,
    ...withRemedy(worst.code),
  };
}

function describeRetries(files: number, retried: number): string {
  if (retried === 0)
    return files === 1 ? 'This one waits for a person.' : 'These wait for a person.';
  if (retried === 1 && files > 1) return 'One of these is tried again by itself.';
  if (retried < files) return `${String(retried)} of these are tried again by themselves.`;
  return files === 1
    ? 'This one is tried again by itself.'
    : 'These are tried again by themselves.';
}

function describeBlocked(files: number, { code }: BlockedFacts): string {
  return `${formatFiles(files)}: ${shortForms[code] ?? code}`;
}

function describeFilling(filling: ExplainedHost['filling']): string {
  if (!filling || filling.filesFound === 0) return '';
  const percent = Math.min(99, Math.floor((100 * filling.files) / filling.filesFound));
  const from = filling.from.length > 0 ? `, from ${filling.from.join(', ')}` : '';
  return `${String(percent)} %${from}`;
}

function shortenFailure(failure: Failure | undefined): string {
  return failure ? (shortForms[failure.code] ?? failure.code) : '';
}

function withRemedy(code: ErrorCode): { code: ErrorCode; remedy: string } {
  return { code, remedy: getRemedy(code) };
}

function earliest(dates: readonly (Date | undefined)[]): { since?: Date } {
  const times = dates.flatMap((date) => (date ? [date.getTime()] : []));
  return times.length > 0 ? { since: new Date(Math.min(...times)) } : {};
}

/** `web1`, `web1 and web2`, `web1, web2 and 3 others`. */
function listNames(senders: readonly SenderFacts[]): string {
  const names = senders.map(({ from }) => from);
  if (names.length > 3)
    return `${names.slice(0, 2).join(', ')} and ${String(names.length - 2)} others`;
  return names.length > 1
    ? `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`
    : (names[0] ?? '');
}

export function formatFiles(count: number): string {
  return `${count.toLocaleString('en')} ${count === 1 ? 'file' : 'files'}`;
}

/** The verb of a sentence about so many files. */
export function agree(count: number): 'is' | 'are' {
  return count === 1 ? 'is' : 'are';
}

/** Messages of failures may end with a full stop; the sentence that quotes them has its own. */
function trimSentence(message: string): string {
  return message.trim().replace(/[.\s]+$/, '');
}

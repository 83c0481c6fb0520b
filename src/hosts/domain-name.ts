import { lookup, lookupService } from 'node:dns/promises';
import { isIP } from 'node:net';
import { hostname as machineName } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const LOOKUP_MS = 3000;

/**
 * Finds the fully qualified name of this machine, as `hostname -f` does: the machine's name if it
 * contains a dot, else the name that the resolver gives for its address.
 * @returns the bare machine name with `qualified` false if no qualified name is found
 */
export async function findDomainName(): Promise<{ name: string; qualified: boolean }> {
  const bare = machineName();
  if (bare.includes('.')) return { name: bare, qualified: true };
  const done = new AbortController();
  // The resolver of the system has its own timeouts, of up to a minute.
  const late = sleep(LOOKUP_MS, [] as string[], { signal: done.signal, ref: false }).catch(
    () => [],
  );
  const names = await Promise.race([resolveNames(bare), late]);
  done.abort();
  const found =
    names.find((name) => name.startsWith(`${bare}.`)) ??
    names.find((name) => name.includes('.') && isIP(name) === 0);
  return found === undefined || found.startsWith('localhost.')
    ? { name: bare, qualified: false }
    : { name: found, qualified: true };
}

async function resolveNames(bare: string): Promise<string[]> {
  const addresses = await lookup(bare, { all: true }).catch(() => []);
  const found = await Promise.all(
    addresses.slice(0, 8).map(({ address }) =>
      lookupService(address, 22).then(
        ({ hostname }) => hostname,
        () => '',
      ),
    ),
  );
  return found.filter((name) => name !== '');
}

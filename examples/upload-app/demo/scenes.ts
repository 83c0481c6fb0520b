import { fileURLToPath } from 'node:url';
import type { DemoHost, Site } from './host.js';
import type { Report } from './report.js';
import { awaitArrivals, type Saved, savePicture } from './save.js';
import { askStatus, type Hosts } from './site.js';
import { waitFor } from './wait.js';

/**
 * Long enough for the longest pause between two tries of a host that was away, and for the lease of
 * a process that crashed.
 */
const AFTER_AN_OUTAGE_MS = 120_000;

interface Stage {
  site: Site;
  hosts: Hosts;
  report: Report;
}

/** A picture saved on each host in turn, and the time until each other host serves it. */
export async function showSaves({ site, hosts, report }: Stage): Promise<void> {
  report.title(
    '1. A picture saved on each host; its thumbnail, which no document names, is found by the ' +
      'rescan 2 s later',
  );
  report.tableHead('the save');
  const pictures = ['astronaut', 'chelsea', 'coffee'];
  for (const [n, host] of hosts.entries()) {
    const saved = await save(host, pictures[n] ?? 'rocket', site);
    await showArrivals(
      saved,
      hosts.filter((other) => other !== host),
      site,
      report,
    );
  }
}

/** One host is away: nobody waits for it, and it is not forgotten. */
export async function showOutage({ site, hosts, report }: Stage): Promise<void> {
  const [sender, receiver, away] = hosts;
  report.title(
    `2. ${away.name} is stopped, its app and its sshd, while a picture is saved on ${sender.name}`,
  );
  await away.stop();
  report.tableHead('the save');
  const saved = await save(sender, 'rocket', site);
  await showArrivals(saved, [receiver], site, report);
  report.say(`  ${away.name} comes back, and nothing is saved`);
  const back = performance.now();
  await away.startSshd();
  await away.startApp();
  report.tableHead('its return');
  await showArrivals(saved, [away], site, report, back);
}

/**
 * The app dies between the save and the delivery. The others' sshd is down meanwhile, so that it
 * cannot be quicker.
 */
export async function showCrash({ site, hosts, report }: Stage): Promise<void> {
  const [other, crashing, another] = hosts;
  report.title(
    `3. kill -9 of ${crashing.name}'s app after a save and before any delivery: the others' ` +
      `sshd is down`,
  );
  await Promise.all([other.stopSshd(), another.stopSshd()]);
  const saved = await save(crashing, 'chelsea', site);
  await crashing.killApp();
  await Promise.all([other.startSshd(), another.startSshd()]);
  report.say(`  ${crashing.name}'s app is started again, and nothing is saved`);
  const back = performance.now();
  await crashing.startApp();
  report.tableHead('its restart');
  await showArrivals(saved, [other, another], site, report, back);
}

/** In the end nothing is pending for any host, and every host says so. */
export async function showStatus({ site, hosts, report }: Stage): Promise<void> {
  report.title('Files still pending, as each host knows them');
  for (const host of hosts) {
    const count = async (): Promise<string[]> =>
      (await askStatus(host, site)).hosts
        .filter(({ pending, blocked }) => pending + blocked > 0)
        .map(
          ({ hostname, pending, blocked }) =>
            `${hostname}: ${String(pending)} pending, ${String(blocked)} blocked`,
        );
    const finished = await waitFor(async () => (await count()).length === 0 || undefined, {
      timeout: 60_000,
      interval: 100,
      signal: site.signal,
    });
    const left = finished ? [] : await count();
    report.missing.push(...left.map((one) => `${host.name} knows of pending files; ${one}`));
    report.say(`  ${host.name}: ${left.length === 0 ? 'nothing' : left.join('; ')}`);
  }
}

/** With a history every host records its versions and shares them, behind the deliveries. */
export async function showHistory({ site, hosts: [first], report }: Stage): Promise<void> {
  if (site.backend === 'rsync') return;
  report.title('The history of each host');
  const listProblems = async (): Promise<string[]> =>
    (await askStatus(first, site)).hosts.flatMap(({ hostname, history }) => {
      if (!history) return [`${hostname} has no history`];
      const { failure, unrecorded, unshared = {} } = history;
      return [
        ...(failure ? [`${hostname}: ${failure.message}`] : []),
        ...(unrecorded > 0 ? [`${hostname}: ${String(unrecorded)} versions are not recorded`] : []),
        ...Object.values(unshared).map((one) => `${hostname}: ${one.failure.message}`),
      ];
    });
  const done = await waitFor(async () => (await listProblems()).length === 0 || undefined, {
    timeout: 60_000,
    interval: 100,
    signal: site.signal,
  });
  const problems = done ? [] : await listProblems();
  report.missing.push(...problems);
  report.say(problems.length === 0 ? '  every version is recorded' : `  ${problems.join('; ')}`);
}

function save(host: DemoHost, picture: string, site: Site): Promise<Saved> {
  return savePicture(
    host,
    fileURLToPath(new URL(`../pictures/${picture}.jpg`, import.meta.url)),
    site.signal,
  );
}

async function showArrivals(
  saved: Saved,
  hosts: readonly DemoHost[],
  site: Site,
  report: Report,
  back?: number,
): Promise<void> {
  const timeout = back === undefined ? 30_000 : AFTER_AN_OUTAGE_MS;
  const waits = hosts.map((host) =>
    awaitArrivals(saved, host, { signal: site.signal, since: back ?? saved.at, timeout }),
  );
  for (const [n, arrivals] of (await Promise.all(waits)).entries()) {
    const host = hosts[n];
    if (host) report.arrivals(saved, host, arrivals);
  }
}

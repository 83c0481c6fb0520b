import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Machine } from '../../test/flow/site.js';
import { findFreePort } from '../../test/harness/free-port.js';
import { until } from '../../test/harness/wait.js';
import { run } from '../baselines.js';
import type { Alternative } from './alternative.js';
import { Daemon } from './daemon.js';
import { findOrTake } from './programs.js';

const folder = 'syncthing';
const apiKey = 'benchmark';
const quiet = { STNOUPGRADE: '1', STNODEFAULTFOLDER: '1' };

interface Peer {
  readonly machine: Machine;
  readonly home: string;
  readonly id: string;
  readonly port: number;
  readonly api: string;
}

export const syncthing: Alternative = {
  name: 'Syncthing 1.19',
  settings:
    '`fsWatcherDelayS` 1, the least; direct addresses, no discovery, no relays, no wait before ' +
    'pulling',
  async open({ sender, receivers }, say) {
    const program = await findOrTake('syncthing', say);
    const peers: Peer[] = [];
    for (const machine of [sender, ...receivers]) peers.push(await makePeer(program, machine));
    for (const peer of peers)
      await writeFile(join(peer.home, 'config.xml'), configure(peer, peers));
    const daemons: Daemon[] = [];
    const close = async (): Promise<void> => {
      for (const daemon of daemons) await daemon.close();
    };
    try {
      for (const { home } of peers)
        daemons.push(
          Daemon.start(
            program,
            ['serve', '--home', home, '--no-browser', '--no-restart', '--no-upgrade'],
            { ...quiet, HOME: home },
          ),
        );
      const [first] = peers;
      await until(
        async () => {
          for (const daemon of daemons) daemon.check();
          return first !== undefined && (await countConnected(first)) === receivers.length;
        },
        { timeout: 60_000, interval: 200, what: 'the connections of Syncthing' },
      );
    } catch (error) {
      await close();
      throw error;
    }
    return {
      folder,
      async store(name, content) {
        daemons[0]?.check();
        await sender.write(`${folder}/${name}`, content);
      },
      countDatabaseBytes: () => Promise.resolve(0),
      close,
    };
  },
};

async function makePeer(program: string, machine: Machine): Promise<Peer> {
  const home = join(machine.ssh.dir, 'syncthing');
  await mkdir(machine.path(`${folder}/.stfolder`), { recursive: true });
  await run(program, ['generate', '--home', home]);
  const id = (await run(program, ['--home', home, '--device-id'])).trim();
  const port = await findFreePort();
  return { machine, home, id, port, api: `127.0.0.1:${String(await findFreePort())}` };
}

/** The sender knows all the others; each of them knows the sender alone. */
function configure(own: Peer, peers: readonly Peer[]): string {
  const [sender] = peers;
  const known = own === sender ? peers : peers.filter((peer) => peer === own || peer === sender);
  const devices = known.map(
    ({ id, port, machine }) =>
      `<device id="${id}" name="${machine.name}" compression="never">` +
      `<address>tcp://127.0.0.1:${String(port)}</address></device>`,
  );
  const type = own === sender ? 'sendonly' : 'receiveonly';
  return `<configuration version="36">
<folder id="media" label="media" path="${own.machine.path(folder)}" type="${type}"
  rescanIntervalS="3600" fsWatcherEnabled="true" fsWatcherDelayS="1" ignorePerms="false">
${known.map(({ id }) => `<device id="${id}"></device>`).join('\n')}
<pullerPauseS>0</pullerPauseS>
</folder>
${devices.join('\n')}
<gui enabled="true" tls="false"><address>${own.api}</address><apikey>${apiKey}</apikey></gui>
<options>
<listenAddress>tcp://127.0.0.1:${String(own.port)}</listenAddress>
<globalAnnounceEnabled>false</globalAnnounceEnabled>
<localAnnounceEnabled>false</localAnnounceEnabled>
<relaysEnabled>false</relaysEnabled>
<natEnabled>false</natEnabled>
<reconnectionIntervalS>1</reconnectionIntervalS>
<startBrowser>false</startBrowser>
<urAccepted>-1</urAccepted>
<autoUpgradeIntervalH>0</autoUpgradeIntervalH>
<crashReportingEnabled>false</crashReportingEnabled>
<setLowPriority>false</setLowPriority>
</options>
</configuration>
`;
}

async function countConnected({ api, id }: Peer): Promise<number> {
  try {
    const response = await fetch(`http://${api}/rest/system/connections`, {
      headers: { 'X-API-Key': apiKey },
    });
    const { connections } = (await response.json()) as {
      connections: Record<string, { connected: boolean }>;
    };
    return Object.entries(connections).filter(([peer, { connected }]) => peer !== id && connected)
      .length;
  } catch {
    return 0;
  }
}

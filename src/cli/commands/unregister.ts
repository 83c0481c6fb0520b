import type { Command } from 'commander';
import { describeHost } from '../../api/describe-host.js';
import type { RunCommand } from '../command-context.js';

export function addUnregisterCommand(program: Command, runCommand: RunCommand): void {
  program
    .command('unregister')
    .description('Retires a host: it gets no more files, and its key is removed from the others.')
    .argument('[host]', 'its name or id (default: this host)')
    .action((name: string | undefined, _options: object, command: Command) =>
      runCommand(command, async ({ sync, screen, json }) => {
        const host = await sync.hosts.unregister(name);
        if (json) screen.printJson({ host: describeHost(host) });
        // The name and url of a retired host have its id as a suffix, which frees them for other
        // hosts.
        else
          screen.print(
            `Unregistered host ${host.hostname} (${host.id}), ${host.url}`.replaceAll(
              `#${host.id}`,
              '',
            ),
          );
        return 0;
      }),
    );
}

import { expect, test } from 'vitest';
import { chooseReceivingHosts } from '../../src/decisions/receiving-hosts.js';
import type { Host } from '../../src/model/host.js';

const host = (id: string, rest: Partial<Host> = {}): Host =>
  ({ id, status: 'approved', deliveries: {}, ...rest }) as Host;

test('files are on their way to hosts that neither fail nor are paused, wait or are retired', () => {
  const failure = {
    code: 'HOST_UNREACHABLE',
    message: '',
    retryable: true,
    scope: 'host',
  } as const;
  const me = host('me', { deliveries: { down: { failure }, back: { deliveredAt: new Date() } } });
  expect(
    chooseReceivingHosts(me, [
      me,
      host('new'),
      host('back'),
      host('down'),
      host('paused', { status: 'paused' }),
      host('waits', { status: 'pending' }),
      host('gone', { status: 'retired' }),
    ]),
  ).toEqual(['new', 'back']);
});

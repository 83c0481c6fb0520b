import type { EventBus } from '../events.js';
import { WakeServer, type Hint } from './wake.js';

export interface ListeningContext {
  readonly stateDir: string;
  readonly events: EventBus;
  /** Milliseconds between two looks at the socket's file. */
  readonly everyMs: number;
  /** False where it is not taken: this process is about to end. */
  readonly onHint: (hint: Hint) => boolean;
  /** Whether this process still leads: the socket of another leader must not be replaced. */
  readonly confirm: () => Promise<boolean>;
  /** Told the socket's file (device and inode) whenever it is a new one. */
  readonly announce: (socket: string) => void;
}

/**
 * Keeps the leader reachable for the other processes of its host: where its socket cannot be made, or somebody removed or replaced the
 * file, it tries again. Until then the others' captures are found by the leader's polls.
 */
export class Listening {
  private server: WakeServer | undefined;
  private timer: NodeJS.Timeout | undefined;
  private checking: Promise<void> | undefined;
  private isFailing = false;

  constructor(private readonly context: ListeningContext) {}

  /** To be called right after the lease was confirmed. */
  async start(): Promise<void> {
    await this.listen();
    this.timer = setInterval(() => { this.checking ??= this.check().finally(() => { this.checking = undefined; }); }, this.context.everyMs).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.checking;
    await this.server?.close();
  }

  private async check(): Promise<void> {
    if (await this.server?.isReachable() !== true && await this.context.confirm().catch(() => false)) await this.listen();
  }

  /** Never rejects. */
  private async listen(): Promise<void> {
    const { stateDir, announce, onHint, events } = this.context;
    try {
      const before = this.server, server = new WakeServer(stateDir, onHint);
      const socket = await server.start();
      this.server = server;
      announce(socket);
      this.isFailing = false;
      // Ends the connections of the others, who look for the new socket then.
      await before?.close();
    } catch (error) {
      // Told once until it works again.
      if (!this.isFailing) events.emit('failed', { doing: 'listening for the other processes of this host; until that works, what they save is sent some seconds later', error });
      this.isFailing = true;
    }
  }
}

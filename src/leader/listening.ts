import type { EventBus } from '../model/events.js';
import { WakeServer, type LeaderHint } from './wake-socket.js';

interface WakeListenerContext {
  readonly stateDir: string;
  readonly events: EventBus;
  /** Milliseconds between two checks of the socket's file. */
  readonly everyMs: number;
  /** Returns false if the hint is not accepted, because this process is about to end. */
  readonly onHint: (hint: LeaderHint) => boolean;
  /** Whether this process still leads: the socket of another leader must not be replaced. */
  readonly confirmLease: () => Promise<boolean>;
  /** Receives the socket's file (device and inode) whenever there is a new one. */
  readonly announceSocket: (socket: string) => void;
}

/**
 * Keeps the leader reachable for the other processes of its host. It tries again if its socket
 * cannot be created, or if somebody removed or replaced the file. Until then the leader finds the
 * others' captures by polling.
 */
export class WakeListener {
  private server: WakeServer | undefined;
  private timer: NodeJS.Timeout | undefined;
  private checking: Promise<void> | undefined;
  private isFailing = false;

  constructor(private readonly context: WakeListenerContext) {}

  /** Call this right after the lease was confirmed. */
  async start(): Promise<void> {
    await this.listen();
    this.timer = setInterval(() => {
      this.checking ??= this.check().finally(() => {
        this.checking = undefined;
      });
    }, this.context.everyMs).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.checking;
    await this.server?.close();
  }

  private async check(): Promise<void> {
    if (
      (await this.server?.isReachable()) !== true &&
      (await this.context.confirmLease().catch(() => false))
    )
      await this.listen();
  }

  /** Never rejects. */
  private async listen(): Promise<void> {
    const { stateDir, announceSocket, onHint, events } = this.context;
    try {
      const earlier = this.server,
        server = new WakeServer(stateDir, onHint);
      const socket = await server.start();
      this.server = server;
      announceSocket(socket);
      this.isFailing = false;
      // Closes the other processes' connections; they connect to the new socket then.
      await earlier?.close();
    } catch (error) {
      // Reported once until it works again.
      if (!this.isFailing)
        events.emit('failed', {
          doing:
            'listening for the other processes of this host; until that works, what they save ' +
            'is sent some seconds later',
          error,
        });
      this.isFailing = true;
    }
  }
}

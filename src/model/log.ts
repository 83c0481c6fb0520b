/**
 * Receives the messages of an instance. Any logger with these three methods fits (pino, winston,
 * console).
 */
export interface Log {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** The default logs one line per message to stderr, so that stdout carries only data. */
export const stderrLog: Log = {
  info: (message) => {
    process.stderr.write(`syncmedia: ${message}\n`);
  },
  warn: (message) => {
    process.stderr.write(`syncmedia: warning: ${message}\n`);
  },
  error: (message) => {
    process.stderr.write(`syncmedia: error: ${message}\n`);
  },
};

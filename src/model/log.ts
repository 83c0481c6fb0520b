/**
 * Receives the messages of an instance. Any logger with these three methods fits (pino, winston,
 * console).
 */
export interface Log {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/**
 * The default logs one line per message to stderr, so that stdout carries only data. Warnings and
 * errors name their level.
 */
export const stderrLog: Log = {
  info: (message) => {
    writeLine(message);
  },
  warn: (message) => {
    writeLine(`warning: ${message}`);
  },
  error: (message) => {
    writeLine(`error: ${message}`);
  },
};

/** Passes messages to another log, which can be set later. */
export class RedirectableLog implements Log {
  private target: Log = stderrLog;

  redirect(target: Log): void {
    this.target = target;
  }
  info(message: string): void {
    this.target.info(message);
  }
  warn(message: string): void {
    this.target.warn(message);
  }
  error(message: string): void {
    this.target.error(message);
  }
}

function writeLine(message: string): void {
  process.stderr.write(`syncmedia: ${escapeControls(message)}\n`);
}

/**
 * Escapes control characters: file names and answers of other hosts may hold line ends and
 * commands of a terminal.
 */
export function escapeControls(text: string): string {
  return text.replace(/\p{Cc}/gu, (control) =>
    control === '\n'
      ? '\\n'
      : control === '\t'
        ? '\\t'
        : `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

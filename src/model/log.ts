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
 * Passes messages to another log with control characters escaped, because not every logger does
 * that.
 */
export function escapeMessages(log: Log): Log {
  return {
    info: (message) => {
      log.info(escapeControls(message));
    },
    warn: (message) => {
      log.warn(escapeControls(message));
    },
    error: (message) => {
      log.error(escapeControls(message));
    },
  };
}

/**
 * Escapes control characters: file names and answers of other hosts may hold line ends, commands
 * of a terminal, and characters that reorder the text around them.
 */
export function escapeControls(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}]/gu, (control) =>
    control === '\n'
      ? '\\n'
      : control === '\t'
        ? '\\t'
        : control <= '\xff'
          ? `\\x${toHex(control, 2)}`
          : `\\u${toHex(control, 4)}`,
  );
}

/** Escapes in JSON the control characters that `JSON.stringify` leaves as they are. */
export function escapeJson(json: string): string {
  return json.replace(/[\x7f-\x9f\p{Bidi_Control}]/gu, (control) => `\\u${toHex(control, 4)}`);
}

function toHex(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, '0');
}

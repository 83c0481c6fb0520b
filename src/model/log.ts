/**
 * Receives the messages of an instance, one text per line. Any logger with the first three methods
 * fits (pino, winston, console).
 */
export interface Log {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
  /** Gets a line for each delivery. Without it there are none. */
  debug?(message: string): void;
  /** Whether a level is logged, as pino and winston tell. Saves making lines that are not. */
  isLevelEnabled?(level: string): boolean;
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

/** Logs a message for people who look for something, made only if somebody gets it. */
export function logDebug(log: Log, makeMessage: () => string): void {
  if (isEnabled(log, 'debug')) log.debug?.(makeMessage());
}

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
  debug(message: string): void {
    this.target.debug?.(message);
  }
  isLevelEnabled(level: string): boolean {
    return isEnabled(this.target, level);
  }
}

/** A log that does not tell its levels gets everything that it has a method for. */
function isEnabled(log: Log, level: string): boolean {
  if (level === 'debug' && typeof log.debug !== 'function') return false;
  return log.isLevelEnabled?.(level) ?? true;
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
    debug: (message) => {
      log.debug?.(escapeControls(message));
    },
    isLevelEnabled: (level) => isEnabled(log, level),
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

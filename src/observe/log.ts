// The log: one JSON object per line on stderr.
// Must never be given a request or a response: they are the users' data.

import { openSync } from "node:fs";
import pino from "pino";
import { StoreError } from "../errors.ts";

/** What everything that logs is given. */
export type Log = pino.Logger;

/**
 * A logger whose level is PROTOSTORE_LOG_LEVEL, "info" if that is not set; it writes to stderr
 * unless it is given another destination.
 * @throws StoreError INVALID_CONFIG if there is no such level.
 */
export function createLog(destination?: pino.DestinationStream): Log {
  const level = process.env.PROTOSTORE_LOG_LEVEL || "info";
  if (level !== "silent" && !Object.hasOwn(pino.levels.values, level)) {
    const levels = Object.keys(pino.levels.values).join(", ");
    throw new StoreError(
      "INVALID_CONFIG",
      `PROTOSTORE_LOG_LEVEL is "${level}": it must be one of ${levels}, silent`,
    );
  }
  // Synchronous, so that the line that explains a crash is written before it.
  return pino({ level, base: null }, destination ?? pino.destination({ dest: 2, sync: true }));
}

/** The level of a log: as it is set, or everything from one signal to the next. */
export interface LevelSwitch {
  toggle(): void;
  /** Sets the usual one; what a signal has changed stays so. */
  set(level: string): void;
}

/** The switch of a log. */
export function levelSwitch(log: Log): LevelSwitch {
  let usual = log.level;
  let isToggled = false;
  return {
    toggle() {
      isToggled = !isToggled;
      log.level = isToggled ? (usual === "debug" ? "info" : "debug") : usual;
      log.info({ logLevel: log.level }, "the level of the log has changed");
    },
    set(level) {
      usual = level;
      if (!isToggled) log.level = level;
    },
  };
}

/** A log in a file of its own, and how to let go of it. */
export interface AuditLog {
  readonly log: Log;
  close(): void;
}

/**
 * Appends to the file, which only its owner can read; each line is with the system before the next
 * call is answered. What cannot be written is told to `log`.
 * @throws StoreError INVALID_CONFIG if the file cannot be opened.
 */
export function openAuditLog(path: string, log: Log): AuditLog {
  let file: number;
  try {
    file = openSync(path, "a", 0o600);
  } catch (cause) {
    throw new StoreError("INVALID_CONFIG", `cannot write the audit log ${path}`, { cause });
  }
  const destination = pino.destination({ dest: file, sync: true });
  destination.on("error", (err) => log.error({ err }, "the audit log cannot be written"));
  const options = { base: null, timestamp: pino.stdTimeFunctions.isoTime };
  return { log: pino(options, destination), close: () => destination.end() };
}

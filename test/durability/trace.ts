// Reads what strace has written into the order of what happened: writes and syncs of the files of a
// database, and the notes of the clients, which are in the same trace.
//
// The order is that of the lines. A process stands still until strace has written the line of a
// call's beginning, and again until it has written that of its end. So a note whose line comes
// after another's was made after it, whichever process made it, and no clock is needed.

import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";

/** The calls that change files, or the names of files, and those that make the changes last. */
export const TRACED_CALLS = [
  ...["openat", "creat", "write", "writev", "pwrite64", "pwritev", "pwritev2"],
  ...["ftruncate", "truncate", "fallocate", "fsync", "fdatasync", "sync_file_range"],
  ...["rename", "renameat", "renameat2", "unlink", "unlinkat", "link", "linkat"],
];

/** Something that has happened to a file. */
export type Step =
  | {
      readonly kind: "write";
      readonly path: string;
      readonly offset: number;
      readonly data: Buffer;
    }
  | { readonly kind: "truncate"; readonly path: string; readonly size: number }
  | { readonly kind: "create" | "unlink"; readonly path: string }
  | { readonly kind: "sync"; readonly path: string }
  /** A line that a client has written into the file of notes. */
  | { readonly kind: "note"; readonly path: string; readonly text: string };

/** A step, and the numbers of the lines at which its call began and ended. */
export interface Event {
  readonly begin: number;
  readonly end: number;
  readonly step: Step;
}

/** All that has happened to files, by the begin of each call. @throws Error for a call it does not know */
export async function readTrace(trace: string, notes: string): Promise<Event[]> {
  const events: Event[] = [];
  const unfinished = new Map<string, { begin: number; text: string }>();
  let line = 0;
  for await (const text of createInterface({ input: createReadStream(trace, "latin1") })) {
    line += 1;
    const [, thread = "", rest = ""] = /^(\d+) +(.*)$/s.exec(text) ?? [];
    if (rest.endsWith(" <unfinished ...>")) {
      unfinished.set(thread, { begin: line, text: rest.slice(0, -" <unfinished ...>".length) });
      continue;
    }
    const [resumed, tail = ""] = /^<\.\.\. \w+ resumed>(.*)$/s.exec(rest)?.values() ?? [];
    const opening = resumed === undefined ? { begin: line, text: rest } : unfinished.get(thread);
    if (!opening) throw new Error(`line ${line} goes on with a call that has not begun`);
    if (resumed !== undefined) unfinished.delete(thread);
    const whole = resumed === undefined ? rest : opening.text + tail;
    const step = parseCall(whole, notes);
    if (step) events.push({ begin: opening.begin, end: line, step });
  }
  // What was on its way when its thread was killed may have been done in part.
  for (const { begin, text } of unfinished.values()) {
    const step = parseCall(`${text}) = ?`, notes);
    if (step) events.push({ begin, end: Number.POSITIVE_INFINITY, step });
  }
  return events.sort((a, b) => a.begin - b.begin);
}

/** `name(arguments) = result`; undefined for a call that failed, or that changes nothing. */
export function parseCall(text: string, notes = ""): Step | undefined {
  const parts = /^(\w+)\((.*)\) += +(\?|-?\d+)([^"]*)$/s.exec(text);
  if (!parts) return undefined;
  const [, name = "", list = "", result = ""] = parts;
  if (result.startsWith("-")) return undefined;
  // Strings and paths are in hexadecimal, so that no comma or bracket is part of one.
  const values = list.split(", ");
  const [first = "", second = ""] = values;
  const path = pathOf(first);
  const isWhole = result !== "?";
  switch (name) {
    case "pwrite64": {
      const data = textOf(second);
      const done = isWhole ? data.subarray(0, Number(result)) : data;
      return { kind: "write", path, offset: Number(values[3]), data: done };
    }
    case "write":
      if (path === notes) return { kind: "note", path, text: textOf(second).toString("utf8") };
      break;
    case "ftruncate":
      return { kind: "truncate", path, size: Number(second) };
    case "fsync":
    case "fdatasync":
      return isWhole ? { kind: "sync", path } : undefined;
    case "openat":
      if (/O_TRUNC/.test(values[2] ?? "")) break;
      // A file that is there stays as it is.
      if (!/O_CREAT/.test(values[2] ?? "")) return undefined;
      return createOf(textOf(second).toString("utf8"), notes);
    case "unlink":
      return { kind: "unlink", path: textOf(first).toString("utf8") };
    case "unlinkat":
      return { kind: "unlink", path: textOf(second).toString("utf8") };
  }
  // Passing over a call that changes a file would make images that never were.
  throw new Error(`a call that images are not made of: ${text.slice(0, 200)}`);
}

function createOf(path: string, notes: string): Step | undefined {
  return path === notes ? undefined : { kind: "create", path };
}

/** The path behind the number of an open file. */
function pathOf(argument: string): string {
  return decode(/<([^>]*)>/.exec(argument)?.[1] ?? "").toString("utf8");
}

function textOf(argument: string): Buffer {
  const bytes = decode(argument.slice(1, -1));
  if (argument.length !== bytes.length * 4 + 2) {
    throw new Error(`not a whole string: ${argument.slice(0, 80)}`);
  }
  return bytes;
}

function decode(hexadecimal: string): Buffer {
  return Buffer.from(hexadecimal.replaceAll("\\x", ""), "hex");
}

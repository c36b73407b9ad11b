// How a database keeps its texts, asked once for each connection that needs it: it never changes.
// Must not read a table.

import type { TextEncoding } from "../../../schema/text-bytes.ts";
import type { StatementRunner } from "./statement-runner.ts";

const encodings = new WeakMap<StatementRunner, TextEncoding>();

/** The encoding of the database that the statements run on. */
export function encodingOf(runner: StatementRunner): TextEncoding {
  let encoding = encodings.get(runner);
  if (!encoding) {
    encoding = runner.get({ sql: "PRAGMA encoding", parameters: [] })?.[0] as TextEncoding;
    encodings.set(runner, encoding);
  }
  return encoding;
}

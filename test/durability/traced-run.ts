// The program that runs below strace: servers, one after the other on one database, and the clients
// that write. Each call and each answer is a line in the file of notes, so that the trace has it
// among the server's own writes and syncs.

import { openSync, writeSync } from "node:fs";
import { createHistory, type Item, type WriteKind } from "./history.ts";
import { startLoad } from "./load.ts";
import { createRandom } from "./random.ts";
import { startServer } from "./server.ts";

/** What is run. */
export interface TracedRun {
  readonly database: string;
  readonly notes: string;
  readonly seed: number;
  /** How many servers there are, each stopped in order before the next. */
  readonly servers: number;
  /** How many calls each of them gets. */
  readonly writes: number;
  readonly serveArgs: readonly string[];
}

/** A line of the notes. */
export type Note =
  | { readonly sent: string; readonly size: number; readonly kind: WriteKind }
  | { readonly acknowledged: string; readonly revision: string; readonly names: readonly string[] };

async function run(options: TracedRun): Promise<void> {
  const notes = openSync(options.notes, "a");
  const write = (note: Note) => writeSync(notes, `${JSON.stringify(note)}\n`);
  const history = createHistory();
  const random = createRandom(options.seed);
  for (let number = 1; number <= options.servers; number++) {
    const server = await startServer(options.database, options.serveArgs);
    const load = await startLoad({
      ...{ address: server.address, history, random, prefix: `s${number}` },
      writesMax: options.writes,
      onSent: ({ id, size }: Item, kind) => write({ sent: id, size, kind }),
      onAcknowledged: ({ id, names }: Item, revision) =>
        write({ acknowledged: id, revision: String(revision), names }),
    });
    const unanswered = await load.ended;
    if (unanswered.length > 0) throw new Error(`${unanswered.length} calls were not answered`);
    await server.end("SIGTERM");
  }
}

if (import.meta.main) await run(JSON.parse(process.argv[2] ?? "") as TracedRun);

#!/usr/bin/env node
// Where the process begins: says how it is to run before anything else is loaded.
// Wiring only; the command line is in cli/run.ts.

import { startAhead } from "./database/sqlite/threads/thread-start.ts";
import { keepCompiled, keepHeapSmall, keepWasmCode } from "./runtime.ts";
import { catchStopSignals } from "./stop-signals.ts";

// The other commands end as the system ends them: they have nothing to stop in order.
const isServer = process.argv[2] === "serve";
if (isServer) catchStopSignals();
keepHeapSmall();
keepWasmCode();
keepCompiled();
if (isServer)
  startAhead({ definitions: import.meta.url.replace(/main(\.[jt]s)$/, "chinook/resources$1") });
const [{ run }, { CHINOOK }] = await Promise.all([
  import("./cli/run.ts"),
  import("./chinook/program.ts"),
]);
await run(CHINOOK);

#!/usr/bin/env node
// Where the process begins: says how it is to run before anything else is loaded.
// Wiring only; the command line is in cli/run.ts.

import { isatty } from "node:tty";
import { startAhead } from "./database/sqlite/threads/thread-start.ts";
import { keepCompiled, keepHeapSmall, keepWasmCode } from "./runtime.ts";
import { catchHangUp, catchStopSignals } from "./stop-signals.ts";

// The other commands end as the system ends them: they have nothing to stop in order.
const isServer = process.argv[2] === "serve";
const isConfigured =
  Boolean(process.env.PROTOSTORE_CONFIG) ||
  process.argv.some((each) => /^--config(?:=|$)/.test(each));
if (isServer) catchStopSignals();
// That of a server without a file of settings stays the system's, which nohup can turn off.
if (isServer && isConfigured) {
  if (isatty(2)) catchStopSignals(["SIGHUP"]);
  else catchHangUp();
}
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

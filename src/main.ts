#!/usr/bin/env node
// Where the process begins: says how it is to run before anything else is loaded.
// Wiring only; the command line is in cli/run.ts.

import { keepCompiled, keepHeapSmall, keepWasmCode } from "./runtime.ts";
import { catchStopSignals } from "./stop-signals.ts";

// The other commands end as the system ends them: they have nothing to stop in order.
if (process.argv[2] === "serve") catchStopSignals();
keepHeapSmall();
keepWasmCode();
keepCompiled();
const { run } = await import("./cli/run.ts");
await run();

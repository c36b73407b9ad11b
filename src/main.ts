#!/usr/bin/env node
// Where the process begins: says how it is to run before anything else is loaded.
// Wiring only; the command line is in cli/run.ts.

import { keepCompiled, keepHeapSmall, keepWasmCode } from "./runtime.ts";

keepHeapSmall();
keepWasmCode();
keepCompiled();
const { run } = await import("./cli/run.ts");
await run();

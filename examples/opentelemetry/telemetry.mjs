// Brings an OpenTelemetry SDK to the process that loads this first: node --import ./telemetry.mjs
// The server's threads load it too. What they do is told by the main thread, so there it does nothing.

import { isMainThread } from "node:worker_threads";

if (isMainThread) await import("./sdk.mjs");

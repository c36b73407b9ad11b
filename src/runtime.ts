// How Node.js is to run the service: a small heap, and compiled code that outlives the process.
// Must not import anything of the service but its folder: it comes before everything else.

import { enableCompileCache, flushCompileCache } from "node:module";
import { setFlagsFromString } from "node:v8";
import { CACHE_FOLDER } from "./package-root.ts";

/**
 * What a call leaves behind is garbage soon. V8 would let it grow to hundreds of megabytes, and then
 * stop for twenty milliseconds to take it away; often and little costs hardly more in all.
 */
export function keepHeapSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
  setFlagsFromString("--heap-growing-percent=120");
  // So small a young generation is collected before a second thread has woken to help.
  setFlagsFromString("--no-parallel-scavenge");
}

/**
 * Each thread that loads TypeScript strips the types with WebAssembly. When threads have ended, V8 13.6
 * may free what they compiled while another one still counts its uses, and the process crashes.
 */
export function keepWasmCode(): void {
  setFlagsFromString("--no-wasm-code-gc");
}

/**
 * Most of a start is compiling, again in each thread. What is compiled is kept in the package's own
 * folder, where nobody else can put code; if that cannot be written, nothing is kept. `npm start` names
 * the folder before Node.js starts: then the files of before this call are kept, too.
 */
export function keepCompiled(): void {
  process.env.NODE_COMPILE_CACHE ??= CACHE_FOLDER;
  enableCompileCache(process.env.NODE_COMPILE_CACHE);
}

/** Writes what is compiled by now: a process that is killed would not. */
export function saveCompiled(): void {
  flushCompileCache();
}

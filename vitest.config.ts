import { defineConfig } from "vitest/config";
import { CACHE_FOLDER } from "./src/package-root.ts";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Two files at a time, also on a machine of two cores: many tests wait for other processes.
    maxWorkers: 2,
    // Threads come and go here by the hundred: src/runtime.ts says what happens without it.
    execArgv: ["--no-wasm-code-gc"],
    // The threads of a service load all of its code, and each test starts some.
    env: { NODE_COMPILE_CACHE: CACHE_FOLDER },
  },
});

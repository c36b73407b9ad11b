import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Two files at a time, also on a machine of two cores: many tests wait for other processes.
    maxWorkers: 2,
    // Threads come and go here by the hundred: src/runtime.ts says what happens without it.
    execArgv: ["--no-wasm-code-gc"],
  },
});

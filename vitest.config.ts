import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Threads come and go here by the hundred: src/runtime.ts says what happens without it.
    execArgv: ["--no-wasm-code-gc"],
  },
});

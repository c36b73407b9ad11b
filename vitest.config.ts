import { defineConfig } from "vitest/config";
import { CACHE_FOLDER } from "./src/package-root.ts";

/** What holds whatever the rows are in is tried over PostgreSQL too: test/support/driver.ts. */
const BOTH = [
  "test/durability/crash.test.ts",
  "test/laws/{conformance,standard-methods}.test.ts",
  "test/service/{errors,export-import,ids,invoices,lists,lost-update,outside-writes,playlists}.test.ts",
];

/** What any transport must do, as its clients see it. */
const OF_TRANSPORTS =
  "test/grpc/{adapter,client-streaming,clients,failures,limits,server,timeout}.test.ts";

export default defineConfig({
  test: {
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Two files at a time, also on a machine of two cores: many tests wait for other processes.
    maxWorkers: 2,
    // Threads come and go here by the hundred: src/runtime.ts says what happens without it.
    execArgv: ["--no-wasm-code-gc"],
    // The threads of a service load all of its code, and each test starts some.
    env: { NODE_COMPILE_CACHE: CACHE_FOLDER },
    projects: [
      { extends: true, test: { name: "all", include: ["test/**/*.test.ts"] } },
      { extends: true, test: { name: "postgres", include: BOTH, env: { DRIVER: "postgres" } } },
      {
        extends: true,
        test: { name: "wire", include: [OF_TRANSPORTS], env: { TEST_TRANSPORT: "wire" } },
      },
    ],
  },
});

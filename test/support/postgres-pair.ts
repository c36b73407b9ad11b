// A PostgreSQL server and a standby that streams from it, for tests that kill one of them: data is copied
// as a backup is, since the npm package has no program for that.

import { execFileSync } from "node:child_process";
import { chownSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import {
  FOR_TESTS,
  freePort,
  initialise,
  makePlace,
  type Place,
  runServer,
  urlAt,
} from "./postgres.ts";

/** Two servers, of which one is the primary at a time. */
export interface PostgresPair {
  /** The address of a database, with both hosts. */
  urlOf(database: string): string;
  /** The address of a database at the server that is the primary, or the standby, now. */
  primaryUrlOf(database: string): string;
  standbyUrlOf(database: string): string;
  /** Runs a statement on the primary, or on the standby. */
  onPrimary(sql: string): Promise<readonly Record<string, unknown>[]>;
  onStandby(sql: string): Promise<readonly Record<string, unknown>[]>;
  /** Ends the primary's first process; the others of it follow. */
  killPrimary(signal?: "SIGKILL" | "SIGQUIT"): Promise<void>;
  /** Runs the primary again, on what is there. */
  restartPrimary(): Promise<void>;
  /** Resolves when the standby has all that the primary has, and will be waited for. */
  isSynchronous(): Promise<void>;
  /** Has the standby receive nothing any more; what is returned lets it go on. */
  holdStandby(): Promise<() => void>;
  /** Makes a primary of the standby. */
  promote(): Promise<void>;
  /** Makes a new standby in the place of the one that was the primary. */
  addStandby(): Promise<void>;
}

interface Server {
  readonly place: Place;
  readonly port: number;
  admin: pg.Client;
}

/** What a standby has still to read is kept, and asked for again soon. */
const SETTINGS = [...FOR_TESTS, "wal_keep_size=256MB", "wal_retrieve_retry_interval=100ms"];

/** Nothing is acknowledged that the standby has not written, too. */
const SYNCHRONOUS = "ALTER SYSTEM SET synchronous_standby_names = '*'";

export async function startPostgresPair(): Promise<PostgresPair> {
  const place = makePlace();
  initialise(place);
  const port = await freePort();
  let primary: Server = { place, port, ...(await runServer(place, port, SETTINGS)) };
  let standby = await startStandby(primary, { place: makePlace(), port: await freePort() });

  return {
    urlOf: (database) =>
      urlAt(primary.port, database).replace(
        `:${primary.port}/`,
        `:${primary.port},127.0.0.1:${standby.port}/`,
      ),
    primaryUrlOf: (database) => urlAt(primary.port, database),
    standbyUrlOf: (database) => urlAt(standby.port, database),
    onPrimary: async (sql) => (await primary.admin.query(sql)).rows,
    onStandby: async (sql) => (await standby.admin.query(sql)).rows,
    async killPrimary(signal = "SIGKILL") {
      // Its last words are an error of the connection.
      const ended = new Promise((resolve) => primary.admin.once("end", resolve));
      process.kill(firstProcessOf(primary.place), signal);
      await ended;
      // One that was not killed removes it last.
      const lock = join(primary.place.data, "postmaster.pid");
      while (signal === "SIGQUIT" && existsSync(lock)) await sleep(5);
    },
    async restartPrimary() {
      primary.admin = (await runServer(primary.place, primary.port, SETTINGS)).admin;
    },
    isSynchronous: () => waitForStandby(primary.admin),
    async holdStandby() {
      const { rows } = await standby.admin.query("SELECT pid FROM pg_stat_wal_receiver");
      process.kill(rows[0].pid, "SIGSTOP");
      return () => process.kill(rows[0].pid, "SIGCONT");
    },
    async promote() {
      await standby.admin.query("SELECT pg_promote()");
      [primary, standby] = [standby, primary];
    },
    async addStandby() {
      standby = await startStandby(primary, standby);
    },
  };
}

async function startStandby(
  primary: Server,
  { place, port }: Omit<Server, "admin">,
): Promise<Server> {
  const { admin } = primary;
  await admin.query("SELECT pg_backup_start('copy', true)");
  rmSync(place.data, { recursive: true, force: true });
  // One that was killed leaves it there.
  rmSync(join(place.directory, `.s.PGSQL.${port}.lock`), { force: true });
  execFileSync("cp", ["-a", primary.place.data, place.data]);
  const { rows } = await admin.query("SELECT labelfile FROM pg_backup_stop(false)");
  rmSync(join(place.data, "postmaster.pid"), { force: true });
  for (const [name, text] of [
    ["backup_label", rows[0].labelfile],
    ["standby.signal", ""],
  ]) {
    const file = join(place.data, name);
    writeFileSync(file, text);
    const { uid, gid } = place.user;
    if (uid !== undefined && gid !== undefined) chownSync(file, uid, gid);
  }
  const conninfo = `primary_conninfo=host=127.0.0.1 port=${primary.port} user=postgres`;
  const standby = { place, port, ...(await runServer(place, port, [...SETTINGS, conninfo])) };
  await admin.query(SYNCHRONOUS);
  await admin.query("SELECT pg_reload_conf()");
  await waitForStandby(admin);
  return standby;
}

async function waitForStandby(admin: pg.Client): Promise<void> {
  const sql = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'";
  while ((await admin.query(sql)).rows.length === 0) await sleep(20);
}

function firstProcessOf({ data }: Place): number {
  return Number(readFileSync(join(data, "postmaster.pid"), "utf8").split("\n")[0]);
}

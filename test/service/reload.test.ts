// SIGHUP: each setting that can be changed while a server runs, and that no call and no setting is lost by it.

import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { expect, onTestFinished, test, vi } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import {
  DatabaseService,
  DatabaseStatus_Condition_Kind as Kind,
} from "../../gen/protostore/v1/database_service_pb.ts";
import { RELOADABLE_OPTIONS } from "../../src/cli/reload.ts";
import { type Connection, connect, RpcError } from "../../src/client/client.ts";
import { RELOADABLE_LIMITS } from "../../src/limits.ts";
import { tempDir } from "../support/temp.ts";
import { logged, logOf, type ServerProcess, startServerProcess } from "./cli.ts";
import { leaveUnread, sendHalf } from "./rude-client.ts";

const PATIENCE = { timeout: 30_000, interval: 50 };
const READ = "read the settings again";
const REFUSED = "the settings cannot be used; they stay as they were";

interface Served {
  readonly folder: string;
  readonly server: ServerProcess;
  readonly connection: Connection;
  /** Writes the file of settings, and lets the server read it. */
  reload(settings: string): Promise<void>;
}

async function serveBy(settings: string, ...args: readonly string[]): Promise<Served> {
  const folder = tempDir();
  const file = join(folder, "store.yaml");
  writeFileSync(file, settings);
  const database = join(folder, "store.db");
  const options = ["--database", database, "--fixtures", "--config", file, ...args];
  const server = await startServerProcess(...options);
  const connection = connect(server.address);
  onTestFinished(() => connection.close());
  return {
    folder,
    server,
    connection,
    async reload(next) {
      const before = told(server);
      writeFileSync(file, next);
      process.kill(server.pid, "SIGHUP");
      await vi.waitFor(() => expect(told(server)).toBe(before + 1), PATIENCE);
    },
  };
}

function told(server: ServerProcess): number {
  return logged(server, READ).length + logged(server, REFUSED).length;
}

/** Whether a setting has its effect; `expected` says how long it is worth waiting for it. */
type Effect = (served: Served, expected: boolean) => Promise<boolean>;

type Artists = ReturnType<typeof artistsOf>;

const artistsOf = (connection: Connection) => connection.service(ArtistService);
const get = (artists: Artists) => artists.getArtist({ name: "artists/1" }, { timeoutMs: 20_000 });
const list = (artists: Artists) => artists.listArtists({ filter: 'biography = "*x*"' });
const twice = async (artists: Artists) => {
  await get(artists);
  await get(artists);
};

/** Of the fixtures there are forty. */
const LARGE = "artists/41";
const patienceMs = (expected: boolean) => (expected ? 20_000 : 300);

/** Whether a new client is refused what it asks for, with this status. */
const isRefused =
  (code: status, ask: (artists: Artists) => Promise<unknown>): Effect =>
  async ({ server }) => {
    const connection = connect(server.address);
    try {
      await ask(artistsOf(connection));
      return false;
    } catch (error) {
      expect((error as RpcError).code).toBe(code);
      return true;
    } finally {
      connection.close();
    }
  };

const hasCondition =
  (kind: Kind): Effect =>
  async ({ connection }) => {
    const { conditions } = await connection.service(DatabaseService).getDatabaseStatus({});
    return conditions.some((condition) => condition.kind === kind);
  };

/** Whether a call leaves a line in the log. */
const isLogged: Effect = async ({ server, connection }) => {
  const lines = () => logOf(server).filter(({ method }) => String(method).endsWith("GetArtist"));
  const before = lines().length;
  await get(artistsOf(connection));
  // What the server writes later tells that it has written all that it would.
  const switches = () => logged(server, "the level of the log has changed").length;
  const switched = switches();
  process.kill(server.pid, "SIGUSR2");
  await vi.waitFor(() => expect(switches()).toBe(switched + 1), PATIENCE);
  return lines().length > before;
};

const makesBackup: Effect = async ({ connection }, expected) => {
  const timeoutMs = expected ? 30_000 : 2_000;
  try {
    for await (const _ of connection.service(DatabaseService).backupDatabase({}, { timeoutMs }));
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(RpcError);
    return false;
  }
};

/** Whether it comes about; that it does not is not waited for. */
const comesAbout =
  (look: (served: Served) => boolean | Promise<boolean>): Effect =>
  async (served, expected) => {
    if (!expected) return false;
    await vi.waitFor(async () => expect(await look(served)).toBe(true), PATIENCE);
    return true;
  };

const backupsIn = ({ folder }: Served) => readdirSync(join(folder, "backups"));
const isWhole = ({ connection }: Served) =>
  connection
    .service(DatabaseService)
    .getDatabaseStatus({})
    .then(({ wal }) => wal?.pendingFrames === 0n);
const hasSaid = (message: string) => comesAbout(({ server }) => logged(server, message).length > 0);

const LOG_ALL = "log-calls: all\nlog-calls-sample: 1";
const EACH_SECOND = '"* * * * * *"';
const UNREAD = "unreadTimeoutMs: 100, readBytesPerSecond: 100000000";
const KEPT = "backup-dir: FOLDER/backups";

/** Of each setting the lines without its effect and with it. */
const SETTINGS: Readonly<Record<string, { off: string; on: string; has: Effect }>> = {
  "log-calls": { off: "log-calls: off", on: LOG_ALL, has: isLogged },
  "log-calls-sample": { off: "log-calls: all\nlog-calls-sample: 0", on: LOG_ALL, has: isLogged },
  slowCallMs: {
    off: "limit: { slowCallMs: 100000 }",
    on: "limit: { slowCallMs: 0 }",
    has: isLogged,
  },
  callLinesPerSecond: {
    off: `${LOG_ALL}\nlimit: { callLinesPerSecond: 0 }`,
    on: LOG_ALL,
    has: isLogged,
  },
  callsMax: {
    off: "",
    on: "limit: { callsMax: 0 }",
    has: isRefused(status.RESOURCE_EXHAUSTED, get),
  },
  callsPerPeerMax: {
    off: "",
    on: "limit: { callsPerPeerMax: 0 }",
    has: isRefused(status.RESOURCE_EXHAUSTED, get),
  },
  callsPerSecond: {
    off: "limit: { callBurst: 1 }",
    on: "limit: { callBurst: 1, callsPerSecond: 1 }",
    has: isRefused(status.RESOURCE_EXHAUSTED, twice),
  },
  callBurst: {
    off: "limit: { callBurst: 1000, callsPerSecond: 1000 }",
    on: "limit: { callBurst: 1, callsPerSecond: 1 }",
    has: isRefused(status.RESOURCE_EXHAUSTED, twice),
  },
  headerBytes: {
    off: "",
    on: "limit: { headerBytes: 10 }",
    has: isRefused(status.RESOURCE_EXHAUSTED, get),
  },
  unreadAnswerBytes: {
    off: "",
    on: "limit: { unreadAnswerBytes: 1 }",
    has: isRefused(status.RESOURCE_EXHAUSTED, (artists) => artists.getArtist({ name: LARGE })),
  },
  connectionsMax: {
    off: "",
    on: "limit: { connectionsMax: 1 }",
    has: isRefused(status.UNAVAILABLE, get),
  },
  connectionsPerPeerMax: {
    off: "",
    on: "limit: { connectionsPerPeerMax: 1 }",
    has: isRefused(status.UNAVAILABLE, get),
  },
  "max-scan-rows": {
    off: "",
    on: "max-scan-rows: 1",
    has: isRefused(status.INVALID_ARGUMENT, list),
  },
  scanRowsMax: {
    off: "",
    on: "limit: { scanRowsMax: 1 }",
    has: isRefused(status.INVALID_ARGUMENT, list),
  },
  requestTimeoutMs: {
    off: "limit: { requestTimeoutMs: 600000 }",
    on: "limit: { requestTimeoutMs: 100 }",
    has: ({ server }, expected) => sendHalf(server.address, patienceMs(expected)),
  },
  unreadTimeoutMs: {
    off: "limit: { unreadTimeoutMs: 600000, readBytesPerSecond: 100000000 }",
    on: `limit: { ${UNREAD} }`,
    has: ({ server }, expected) => leaveUnread(server.address, LARGE, patienceMs(expected)),
  },
  readBytesPerSecond: {
    off: "limit: { unreadTimeoutMs: 100, readBytesPerSecond: 1 }",
    on: `limit: { ${UNREAD} }`,
    has: ({ server }, expected) => leaveUnread(server.address, LARGE, patienceMs(expected)),
  },
  diskFreeBytes: {
    off: "limit: { diskFreeBytes: 0 }",
    on: "limit: { diskFreeBytes: 999999999999 }",
    has: hasCondition(Kind.DISK_NEARLY_FULL),
  },
  backupAgeMs: {
    off: `${KEPT}\nlimit: { backupAgeMs: 0 }`,
    on: KEPT,
    has: hasCondition(Kind.BACKUP_OLD),
  },
  "backup-dir": { off: "", on: KEPT, has: makesBackup },
  backupBytesPerSecond: {
    off: `${KEPT}\nlimit: { backupBytesPerSecond: 1 }`,
    on: KEPT,
    has: makesBackup,
  },
  "backup-interval": {
    off: KEPT,
    on: `${KEPT}\nbackup-interval: 1s`,
    has: comesAbout((served) => backupsIn(served).some((name) => name.endsWith(".json"))),
  },
  "backup-schedule": {
    off: KEPT,
    on: `${KEPT}\nbackup-schedule: ${EACH_SECOND}`,
    has: hasSaid("made a backup"),
  },
  "backup-keep": {
    off: `${KEPT}\nbackup-schedule: ${EACH_SECOND}`,
    on: `${KEPT}\nbackup-schedule: ${EACH_SECOND}\nbackup-keep: 1s:hourly`,
    has: hasSaid("removed old backups"),
  },
  maintenance: {
    off: "",
    on: `maintenance: ${EACH_SECOND}`,
    has: hasSaid("put the file in order"),
  },
  checkpointIntervalMs: {
    off: "limit: { checkpointIntervalMs: 0 }",
    on: "limit: { checkpointIntervalMs: 50 }",
    has: comesAbout(isWhole),
  },
};

test("each setting that can be changed while it runs has its test", () => {
  const all = [...RELOADABLE_OPTIONS, ...RELOADABLE_LIMITS].filter((name) => name !== "limit");
  expect(["log-level", ...Object.keys(SETTINGS)].sort()).toEqual(all.sort());
});

test("each setting has its effect from then on, and no longer when it is taken back", async () => {
  const served = await serveBy("");
  const biography = "x".repeat(200_000);
  await artistsOf(served.connection).createArtist({ artist: { displayName: "Large", biography } });
  for (const [name, { off, on, has }] of Object.entries(SETTINGS)) {
    for (const [settings, expected] of [
      [off, false],
      [on, true],
      [off, false],
    ] as const) {
      await served.reload(settings.replaceAll("FOLDER", served.folder));
      expect(await has(served, expected), `${name}: ${settings}`).toBe(expected);
    }
  }
  expect(logged(served.server, REFUSED)).toEqual([]);
}, 240_000);

test("the level of the log too", async () => {
  const { server, folder } = await serveBy("log-level: warn");
  writeFileSync(join(folder, "store.yaml"), "log-level: info");
  process.kill(server.pid, "SIGHUP");
  await vi.waitFor(() => expect(logged(server, READ)).toHaveLength(1), PATIENCE);
});

test("what cannot be changed is named, and goes on as it was", async () => {
  const { server, reload, connection } = await serveBy("limit: { callsMax: 9 }");
  await reload(
    "address: 127.0.0.1:1\nprocesses: 3\nread-only: on\nlimit: { callsMax: 8, pageSizeMax: 1 }",
  );
  const [line] = logOf(server).filter(({ settings }) => settings);
  // Its address is of the command line.
  expect(line?.settings).toEqual(["read-only", "processes", "limit pageSizeMax"]);
  expect(logOf(server).find(({ msg }) => msg === READ)?.changed).toEqual(["limit callsMax"]);
  await artistsOf(connection).createArtist({ artist: { displayName: "one" } });
  expect((await artistsOf(connection).listArtists({})).artists.length).toBeGreaterThan(1);
});

const FAULTS: Readonly<Record<string, readonly [string, string]>> = {
  "a setting that is none": [
    "limit: { callsMax: 0 }\nadress: a",
    ":2:1: there is no setting adress",
  ],
  "a limit that is none": ["limit: { callMax: 0 }", ":1:1: limit: There is no limit callMax"],
  "no YAML": ["limit: { callsMax: 0", ":1:"],
  "a schedule that never comes": [
    'limit: { callsMax: 0 }\nmaintenance: "0 0 31 2 *"',
    ":2:1: --maintenance",
  ],
  "backups that exclude each other": [
    `limit: { callsMax: 0 }\nbackup-dir: b\nbackup-interval: 1s\nbackup-schedule: ${EACH_SECOND}`,
    "exclude each other",
  ],
};

test("a file with a fault changes nothing, and the log says where it is", async () => {
  const { server, reload, connection } = await serveBy("limit: { callsPerSecond: 0 }");
  for (const [name, [text, reason]] of Object.entries(FAULTS)) {
    const before = logOf(server).filter(({ msg }) => msg === REFUSED).length;
    await reload(text);
    const lines = logOf(server).filter(({ msg }) => msg === REFUSED);
    expect(lines, name).toHaveLength(before + 1);
    expect(JSON.stringify(lines.at(-1)?.err), name).toContain(reason);
    await get(artistsOf(connection));
  }
  expect(logged(server, READ)).toEqual([]);
});

test.each(["1", "2"])(
  "fifty signals under load lose no call, with %s processes",
  async (count) => {
    const served = await serveBy("", "--processes", count);
    const { server, reload, connection } = served;
    let [answered, isOver] = [0, false];
    const call = async () => {
      while (!isOver) {
        await get(artistsOf(connection));
        await artistsOf(connection).createArtist({ artist: { displayName: "one" } });
        answered += 1;
      }
    };
    const calls = Promise.all(Array.from({ length: 8 }, call));
    for (let time = 0; time < 50; time++) {
      const before = answered;
      await reload(`log-calls: ${time % 2 ? "all" : "off"}\nlimit: { callsMax: ${1000 + time} }`);
      await vi.waitFor(() => expect(answered).toBeGreaterThan(before), PATIENCE);
    }
    isOver = true;
    await calls;
    expect(answered).toBeGreaterThan(50);
    expect((await server.end("SIGTERM")).code).toBe(0);
  },
  120_000,
);

test("all processes go by it, one that takes another's place too, whatever the file says then", async () => {
  const { server, reload, folder } = await serveBy("", "--processes", "2");
  const refusals = async () => {
    const connections = Array.from({ length: 4 }, () => connect(server.address));
    const asked = connections.map((each) =>
      get(artistsOf(each)).then(
        () => 0,
        () => 1,
      ),
    );
    const sum = (await Promise.all(asked)).reduce<number>((all, one) => all + one, 0);
    for (const each of connections) each.close();
    return sum;
  };
  expect(await refusals()).toBe(0);
  await reload("limit: { callsMax: 0 }");
  await vi.waitFor(async () => expect(await refusals()).toBe(4), PATIENCE);
  writeFileSync(join(folder, "store.yaml"), "no such: setting");
  const [child] = logged(server, "serving").filter((pid) => pid !== server.pid);
  process.kill(child as number, "SIGKILL");
  await vi.waitFor(() => expect(logged(server, "serving")).toHaveLength(3), PATIENCE);
  expect(await refusals()).toBe(4);
});

test("without a file of settings the signal is the system's", async () => {
  const server = await startServerProcess("--database", join(tempDir(), "x.db"));
  const { code } = await server.end("SIGHUP");
  expect(code).toBeNull();
});

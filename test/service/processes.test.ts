// Several server processes on one port and one database are one server to whoever calls it. A
// connection belongs to one process; two that are opened one after the other belong to two.

import { once } from "node:events";
import { type ClientHttp2Session, connect as openSession } from "node:http2";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { GenreService } from "../../gen/chinook/v1/genre_pb.ts";
import {
  Health,
  HealthCheckResponse_ServingStatus as Serving,
} from "../../gen/health/v1/health_pb.ts";
import { DatabaseService } from "../../gen/protostore/v1/database_service_pb.ts";
import { type Connection, connect, RpcError } from "../../src/client/client.ts";
import { tempDir } from "../support/temp.ts";
import { logged, runCli, type ServerProcess, startServerProcess } from "./cli.ts";
import { openSql } from "./support.ts";

const PATIENCE = { timeout: 60_000 };
const ABORTED = 10;

interface Served {
  readonly server: ServerProcess;
  readonly database: string;
}

async function startTwo(...args: readonly string[]): Promise<Served> {
  const database = join(tempDir(), "store.db");
  const server = await startServerProcess("--processes", "2", "--database", database, ...args);
  return { server, database };
}

/** Connections of their own, opened one after the other: of two, each is with another process. */
async function connectEach(address: string, count = 2): Promise<Connection[]> {
  const connections: Connection[] = [];
  for (let number = 0; number < count; number++) {
    const connection = connect(address);
    onTestFinished(() => connection.close());
    await connection.service(Health).check({});
    connections.push(connection);
  }
  return connections;
}

async function artistsOfBoth({ server }: Served) {
  const [one, other] = await connectEach(server.address);
  if (!one || !other) throw new Error("there are not two connections");
  return [one.service(ArtistService), other.service(ArtistService)] as const;
}

/** A bare connection, which does not connect again when it is broken. */
async function openBare(address: string): Promise<ClientHttp2Session> {
  const session = openSession(`http://${address}`);
  onTestFinished(() => session.destroy());
  session.on("error", () => {});
  await once(session, "remoteSettings");
  return session;
}

async function openBares(address: string, count: number): Promise<ClientHttp2Session[]> {
  const sessions: ClientHttp2Session[] = [];
  while (sessions.length < count) sessions.push(await openBare(address));
  return sessions;
}

const open = (sessions: readonly ClientHttp2Session[]) =>
  sessions.filter(({ closed, destroyed }) => !closed && !destroyed).length;

test("connections are spread evenly, and a process that dies is replaced", async () => {
  const { server } = await startTwo();
  const [first, second] = logged(server, "serving") as [number, number];
  expect(new Set([server.pid, first, second]).size).toBe(3);
  expect(server.output().stdout.match(/ Try:/g)).toHaveLength(1);

  const before = await openBares(server.address, 8);
  process.kill(first, "SIGKILL");
  await expect.poll(() => open(before), PATIENCE).toBe(4);
  await connectEach(server.address, 4);
  await expect.poll(() => logged(server, "serving"), PATIENCE).toHaveLength(3);
  expect(open(before)).toBe(4);

  // The new process has its part of what connects from now on.
  const after = await openBares(server.address, 8);
  process.kill(second, "SIGKILL");
  await expect.poll(() => open(before), PATIENCE).toBe(0);
  await expect.poll(() => open(after), PATIENCE).toBe(4);
  expect((await server.end("SIGTERM")).code).toBe(0);
});

test("all die at once, and others serve on the same port", async () => {
  const { server } = await startTwo();
  for (const pid of logged(server, "serving")) process.kill(pid, "SIGKILL");
  // What connects while they die may be given to one that is dead, and wait in vain.
  const serving = () => logged(server, "serving").length;
  await expect.poll(serving, PATIENCE).toBeGreaterThanOrEqual(4);
  const connects = () => connectEach(server.address).then(Boolean, () => false);
  await expect.poll(connects, PATIENCE).toBe(true);
  expect((await server.end("SIGTERM")).code).toBe(0);
});

test("creates through both get ids and revisions of their own, in order", async () => {
  const both = await artistsOfBoth(await startTwo());
  const created = await Promise.all(
    Array.from({ length: 50 }, (_, index) =>
      (both[index % 2] ?? both[0]).createArtist({ artist: { displayName: `Artist ${index}` } }),
    ),
  );
  expect(new Set(created.map(({ name }) => name)).size).toBe(50);
  const revisions = created.map(({ etag }) => Number(JSON.parse(etag)));
  expect(revisions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  for (let revision = 51; revision <= 70; revision++) {
    const artists = both[revision % 2] ?? both[0];
    const { etag } = await artists.createArtist({ artist: { displayName: "Next" } });
    expect(etag).toBe(`"${revision}"`);
  }
});

test("50 clients that read, modify and write one row with its etag lose no update", async () => {
  const served = await startTwo();
  const [artists] = await artistsOfBoth(served);
  const { name } = await artists.createArtist({ artist: { displayName: "Everybody" } });
  const clients = await connectEach(served.server.address, 50);
  const aliases = clients.map((_, index) => `client ${index}`);
  await Promise.all(
    clients.map(async (client, index) => {
      const own = client.service(ArtistService);
      for (;;) {
        const artist = await own.getArtist({ name });
        artist.aliases.push(aliases[index] as string);
        try {
          return await own.updateArtist({ artist, updateMask: { paths: ["aliases"] } });
        } catch (error) {
          if (!(error instanceof RpcError) || error.code !== ABORTED) throw error;
        }
      }
    }),
  );
  const artist = await artists.getArtist({ name });
  expect(artist.aliases.toSorted()).toEqual(aliases.toSorted());
  expect(artist.etag).toBe('"51"');
});

test("what one has acknowledged, the other tells at once", async () => {
  const [one, other] = await artistsOfBoth(await startTwo());
  const { name } = await one.createArtist({ artist: { displayName: "0" } });
  for (let number = 1; number <= 100; number++) {
    const [writer, reader] = number % 2 ? [one, other] : [other, one];
    const displayName = String(number);
    await writer.updateArtist({
      artist: { name, displayName },
      updateMask: { paths: ["display_name"] },
    });
    expect(await reader.getArtist({ name })).toMatchObject({ displayName });
  }
});

test("a request_id that both are sent is carried out once", async () => {
  const [one, other] = await artistsOfBoth(await startTwo());
  const request = { artist: { displayName: "Once" }, requestId: crypto.randomUUID() };
  const first = await one.createArtist(request);
  expect(await other.createArtist(request)).toEqual(first);
  const together = { artist: { displayName: "Twice" }, requestId: crypto.randomUUID() };
  const answers = await Promise.all([one, other].map((each) => each.createArtist(together)));
  expect(answers[0]).toEqual(answers[1]);
  expect((await one.listArtists({})).artists).toHaveLength(2);
});

for (const args of [[], ["--read-only"]]) {
  test(`either takes the page tokens of the other ${args}`, async () => {
    const database = join(tempDir(), "store.db");
    const filled = await startServerProcess("--fixtures", "--database", database);
    expect((await filled.end("SIGTERM")).code).toBe(0);
    const server = await startServerProcess("--processes", "2", "--database", database, ...args);
    const [one, other] = await artistsOfBoth({ server, database });
    // At once: neither finds a key that the other has made before.
    const [a, b] = await Promise.all([one, other].map((each) => each.listArtists({ pageSize: 2 })));
    const next = [
      await other.listArtists({ pageSize: 2, pageToken: a?.nextPageToken ?? "" }),
      await one.listArtists({ pageSize: 2, pageToken: b?.nextPageToken ?? "" }),
    ];
    expect(next[0]?.artists).toHaveLength(2);
    expect(next[0]?.artists).toEqual(next[1]?.artists);
    expect(next[0]?.artists).not.toEqual(a?.artists);
    expect((await server.end("SIGTERM")).code).toBe(0);
  });
}

test("the database is prepared once, and both tell the same status", async () => {
  const database = join(tempDir(), "store.db");
  expect((await runCli("migrate", "up", "--database", database)).code).toBe(0);
  openSql(database).exec("DROP INDEX customers_email");
  const args = ["--fixtures", "--processes", "2", "--database", database];
  const server = await startServerProcess(...args);
  expect(logged(server, "loaded the fixtures")).toEqual([server.pid]);
  expect(server.output().stderr.match(/Customer\.email/g)).toHaveLength(1);
  const connections = await connectEach(server.address);
  await connections[0]?.service(GenreService).createGenre({ genre: { displayName: "New" } });
  for (const connection of connections) {
    const status = await connection.service(DatabaseService).getDatabaseStatus({});
    expect(status.revision).toBe(2n);
  }
});

test("the health of each follows the database", async () => {
  const { server, database } = await startTwo();
  const connections = await connectEach(server.address, 4);
  const statuses = async () =>
    Promise.all(connections.map(async (each) => (await each.service(Health).check({})).status));
  const sql = openSql(database);
  sql.exec("UPDATE schema_migrations SET dirty = 1");
  await expect.poll(statuses, PATIENCE).toEqual(Array(4).fill(Serving.NOT_SERVING));
  sql.exec("UPDATE schema_migrations SET dirty = 0");
  await expect.poll(statuses, PATIENCE).toEqual(Array(4).fill(Serving.SERVING));
});

const STOPS: Readonly<Record<string, readonly [NodeJS.Signals, "primary" | "all"]>> = {
  "SIGTERM to the command": ["SIGTERM", "primary"],
  "SIGTERM to all processes, as a service manager sends it": ["SIGTERM", "all"],
  "SIGINT to all processes, as a terminal sends it": ["SIGINT", "all"],
  "SIGKILL to the command, which the others notice": ["SIGKILL", "primary"],
};

for (const [what, [signal, whom]] of Object.entries(STOPS)) {
  test(`${what} ends all in order, and no call is lost`, async () => {
    const { server, database } = await startTwo();
    const both = await connectEach(server.address);
    const sql = openSql(database);
    sql.exec("BEGIN IMMEDIATE");
    const artist = { displayName: "Late" };
    const calls = both.flatMap((connection) =>
      Array.from({ length: 5 }, () => connection.service(ArtistService).createArtist({ artist })),
    );
    // Answered behind them on the same connection: they have arrived, and wait for the lock.
    await Promise.all(both.map((connection) => connection.service(Health).check({})));
    if (whom === "all") for (const pid of logged(server, "serving")) process.kill(pid, signal);
    // Children that stop already are told again by the primary.
    if (whom === "all" && signal === "SIGTERM") {
      await expect.poll(() => logged(server, "stopping"), PATIENCE).toHaveLength(2);
    }
    const ended = server.end(signal);
    const stopping = signal === "SIGKILL" ? 2 : 3;
    await expect.poll(() => logged(server, "stopping"), PATIENCE).toHaveLength(stopping);
    sql.exec("ROLLBACK");
    expect(new Set((await Promise.all(calls)).map(({ name }) => name)).size).toBe(10);
    // It ends when nobody has its output open any more: the children have ended before.
    expect((await ended).code).toBe(signal === "SIGKILL" ? null : 0);
    expect(logged(server, "stopped")).toHaveLength(stopping);
    if (signal !== "SIGKILL") expect(logged(server, "stopped").at(-1)).toBe(server.pid);
    const listener = createServer().listen(Number(server.address.split(":")[1]), "127.0.0.1");
    await once(listener, "listening");
    listener.close();
  });
}

test("what keeps the children from starting ends the command, in one line", async () => {
  const { server } = await startTwo();
  const database = join(tempDir(), "other.db");
  const args = ["--processes", "2", "--database", database, "--address", server.address];
  const { code, stdout, stderr } = await runCli("serve", ...args);
  const lines = stderr.split("\n").filter((line) => line !== "" && !line.startsWith("{"));
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(lines).toEqual([expect.stringContaining("the port is in use")]);
});

// A line in the log for a call: whose, how it ended, how long it took; and nothing of what was said.

import { join } from "node:path";
import { type DescField, type DescMessage, fromJson, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { expect, onTestFinished, test, vi } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { GenreService } from "../../gen/chinook/v1/genre_pb.ts";
import { METHODS } from "../../src/chinook/methods.ts";
import { RESOURCES } from "../../src/chinook/resources.ts";
import { connect } from "../../src/client/client.ts";
import { registryOf } from "../../src/schema/registry.ts";
import { tempDir } from "../support/temp.ts";
import { logOf, type ServerProcess, startServerProcess } from "./cli.ts";

const MARKER = "XyzzyMarker";
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PATIENCE = { timeout: 20_000 };

const callsIn = (server: ServerProcess) => logOf(server).filter(({ method }) => method);

function start(...args: readonly string[]): Promise<ServerProcess> {
  const database = join(tempDir(), "store.db");
  return startServerProcess("--database", database, "--fixtures", ...args);
}

/** Every text in a message, at any depth but that of itself, says the marker. */
function marked(desc: DescMessage, depth = 0): Record<string, unknown> {
  const entries = desc.fields.flatMap((field): [string, unknown][] => {
    if (field.oneof && field.oneof.fields[0] !== field) return [];
    const value = markedField(field, depth);
    return value === undefined ? [] : [[field.jsonName, value]];
  });
  return Object.fromEntries(entries);
}

const STRING = 9;

function markedField(field: DescField, depth: number): unknown {
  const isOpen = (it: DescMessage) => !it.typeName.startsWith("google.") && depth < 3;
  switch (field.fieldKind) {
    case "scalar":
      return field.scalar === STRING ? MARKER : undefined;
    case "message":
      return isOpen(field.message) ? marked(field.message, depth + 1) : undefined;
    case "list":
      if (field.listKind === "message") {
        return isOpen(field.message) ? [marked(field.message, depth + 1)] : undefined;
      }
      return field.listKind === "scalar" && field.scalar === STRING ? [MARKER] : undefined;
    case "map":
      return field.mapKind === "scalar" && field.scalar === STRING && field.mapKey === STRING
        ? { [MARKER]: MARKER }
        : undefined;
    case "enum":
      return undefined;
  }
}

const asIs = (bytes: Buffer) => bytes;

test("no line has a text of a request or its metadata, whatever the method and the level", async () => {
  const server = await start("--log-calls", "all", "--log-calls-sample", "1");
  process.kill(server.pid, "SIGUSR2");
  await vi.waitFor(() => expect(logOf(server).at(-1)).toMatchObject({ logLevel: "debug" }));
  const client = new Client(server.address, credentials.createInsecure());
  onTestFinished(() => client.close());
  const registry = registryOf(RESOURCES.map(({ resource }) => resource));
  const metadata = new Metadata();
  for (const key of ["x-note", "authorization", "traceparent", "user-agent"]) {
    metadata.set(key, MARKER);
  }
  const services = new Set([...RESOURCES, ...METHODS].map((own) => own.service));
  const methods = [...services].flatMap((it) => it.methods);
  const unary = methods.filter(({ methodKind }) => methodKind === "unary");
  const codes = new Set<number>();
  const artist = { displayName: MARKER, biography: MARKER, aliases: [MARKER] };
  // Those that say nothing wrong as well.
  const right: Readonly<Record<string, object>> = {
    CreateArtist: { artist },
    UpdateArtist: { artist: { name: "artists/1", ...artist }, updateMask: "biography" },
    ListArtists: { filter: `biography = "${MARKER}"` },
    DeleteArtist: { name: "artists/1", etag: MARKER },
  };
  const asked = [
    ...unary.map((method) => ({ method, json: marked(method.input) })),
    ...unary.flatMap((method) => {
      const json = right[method.name];
      return json ? [{ method, json }] : [];
    }),
  ];
  for (const { method, json } of asked) {
    const request = fromJson(method.input, json as never, { registry });
    const bytes = Buffer.from(toBinary(method.input, request));
    const path = `/${method.parent.typeName}/${method.name}`;
    await new Promise<void>((resolve) => {
      client.makeUnaryRequest(path, asIs, asIs, bytes, metadata, (error) => {
        codes.add(error?.code ?? 0);
        resolve();
      });
    });
  }
  await vi.waitFor(() => expect(callsIn(server)).toHaveLength(asked.length), PATIENCE);
  expect(codes.size).toBeGreaterThan(1);
  const withText = callsIn(server).filter(
    ({ requestBytes }) => Number(requestBytes) > MARKER.length,
  );
  expect(withText.length).toBeGreaterThan(asked.length / 2);
  expect(server.output().stderr.toLowerCase()).not.toContain(MARKER.toLowerCase());

  process.kill(server.pid, "SIGUSR2");
  await vi.waitFor(() => expect(logOf(server).at(-1)).toMatchObject({ logLevel: "info" }));
}, 60_000);

/** Calls GetArtist, with a trace. */
function get(server: ServerProcess, name: string): Promise<void> {
  const method = "/chinook.v1.ArtistService/GetArtist";
  const client = new Client(server.address, credentials.createInsecure());
  const metadata = new Metadata();
  metadata.set("traceparent", `00-${TRACE}-b7ad6b7169203331-01`);
  const request = Buffer.from([0x0a, name.length, ...Buffer.from(name)]);
  return new Promise((resolve) => {
    client.makeUnaryRequest(method, asIs, asIs, request, metadata, () => {
      client.close();
      resolve();
    });
  });
}

test("a line tells method, status, reason, sizes, caller and trace", async () => {
  const server = await start("--log-calls", "all", "--log-calls-sample", "1");
  await get(server, "artists/1");
  await get(server, "artists/987654");
  await vi.waitFor(() => expect(callsIn(server)).toHaveLength(2), PATIENCE);
  const common = {
    method: "chinook.v1.ArtistService/GetArtist",
    durationMs: expect.any(Number),
    peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    traceId: TRACE,
  };
  expect(callsIn(server)).toEqual([
    expect.objectContaining({ ...common, code: "OK", requestBytes: 11 }),
    expect.objectContaining({ ...common, code: "NOT_FOUND", reason: "RESOURCE_NOT_FOUND" }),
  ]);
  expect(callsIn(server)[0]?.responseBytes).toBeGreaterThan(10);
  expect(callsIn(server)[1]?.responseBytes).toBe(0);
});

test("a line names the statements of its call, whichever thread ran them, each name once", async () => {
  const server = await start("--log-calls", "all", "--log-calls-sample", "1");
  const artists = connect(server.address);
  onTestFinished(() => artists.close());
  const { createArtist, batchGetArtists, listArtists, getArtist } = artists.service(ArtistService);
  await getArtist({ name: "artists/1" });
  await listArtists({});
  await listArtists({ filter: 'biography = "x"', includeTotalSize: true });
  await batchGetArtists({ names: ["artists/1", "artists/2"] });
  const created = await Promise.all([
    createArtist({ artist: { displayName: "One" } }),
    createArtist({ artist: { displayName: "Two" } }),
    artists
      .service(GenreService)
      .deleteGenre({ name: "genres/999999" })
      .catch(() => {}),
  ]);
  expect(created).toHaveLength(3);
  await expect(getArtist({ name: "no name" })).rejects.toThrow();
  await vi.waitFor(() => expect(callsIn(server)).toHaveLength(8), PATIENCE);
  const named = (method: string) =>
    callsIn(server)
      .filter((line) => String(line.method).endsWith(`/${method}`))
      .map(({ statements }) => statements);
  expect(named("GetArtist")).toEqual([["SELECT artists"], undefined]);
  const read = ["BEGIN", "SELECT store_state", "SELECT artists", "COMMIT"];
  expect(named("ListArtists")).toEqual([["SELECT artists"], expect.arrayContaining(read)]);
  expect(named("BatchGetArtists")).toEqual([expect.arrayContaining(read)]);
  // Those of a transaction are each call's; those of another call in it are not.
  for (const names of named("CreateArtist")) {
    expect(names).toEqual(expect.arrayContaining(["BEGIN", "INSERT artists", "COMMIT"]));
    expect(names).not.toContain("SELECT genres");
  }
  const [deleted] = named("DeleteGenre");
  expect(deleted).toEqual(expect.arrayContaining(["BEGIN", "SELECT genres"]));
  expect(deleted).not.toContain("INSERT artists");
});

test("in a second there are no more lines than may be, and the others are counted", async () => {
  const limits = ["--limit", "slowCallMs=0", "--limit", "callLinesPerSecond=2"];
  const server = await start(...limits);
  const calls = 20;
  for (let call = 0; call < calls; call++) await get(server, "artists/1");
  const leftOut = () => logOf(server).flatMap(({ calls: count }) => count ?? []);
  const sum = () => leftOut().reduce((all: number, count) => all + Number(count), 0);
  await vi.waitFor(() => expect(callsIn(server).length + sum()).toBe(calls), PATIENCE);
  expect(leftOut()).not.toEqual([]);
  // Two in each second that any call came in.
  expect(callsIn(server).length).toBeLessThanOrEqual(2 * (leftOut().length + 1));
});

test("slow calls are told, and of the others none if only errors are", async () => {
  const server = await start("--log-calls", "errors", "--limit", "slowCallMs=0");
  await get(server, "artists/1");
  await vi.waitFor(() => expect(callsIn(server)).toHaveLength(1), PATIENCE);
  expect(callsIn(server)[0]).toMatchObject({ level: 40, msg: "slow call", code: "OK" });

  const quiet = await start("--log-calls", "errors");
  await get(quiet, "artists/1");
  await get(quiet, "artists/987654");
  expect((await quiet.end("SIGTERM")).code).toBe(0);
  expect(callsIn(quiet)).toEqual([]);
});

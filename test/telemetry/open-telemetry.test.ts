// What an OpenTelemetry SDK is told of a server that it was brought to, as examples/opentelemetry says:
// spans of calls in their clients' traces, of their statements, and figures of both. Nothing of messages.

import { join } from "node:path";
import { create, type DescMethod, toBinary } from "@bufbuild/protobuf";
import { type Client, Metadata, status } from "@grpc/grpc-js";
import { expect, test, vi } from "vitest";
import {
  ArtistService,
  CreateArtistRequestSchema,
  GetArtistRequestSchema,
  ListArtistsRequestSchema,
} from "../../gen/chinook/v1/artist_pb.ts";
import { ExportRequestSchema, StoreService } from "../../gen/protostore/v1/store_service_pb.ts";
import { openClient } from "../access/support.ts";
import { logOf, type ServerProcess, startServerWith } from "../service/cli.ts";
import { tempDir } from "../support/temp.ts";
import { REPO_ROOT } from "../support/tools.ts";
import { type Collector, startCollector, type ToldSpan } from "./collector.ts";

const TELEMETRY = join(REPO_ROOT, "examples", "opentelemetry", "telemetry.mjs");
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";
const MARKER = "XyzzyMarker";
const SERVER = 2;
const CLIENT = 3;
const ERROR = 2;

const { createArtist, getArtist, listArtists } = ArtistService.method;

async function start(...args: readonly string[]) {
  const collector = await startCollector();
  const server = await startServerWith(
    {
      NODE_OPTIONS: `--import file://${TELEMETRY}`,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      // Nothing is sent before the end, whatever the machine.
      OTEL_BSP_SCHEDULE_DELAY: "600000",
    },
    ...["--database", join(tempDir(), "store.db"), ...args],
  );
  return { collector, server, client: openClient(server.address) };
}

/** Ends the server; what it has not sent by then is lost. */
async function end(server: ServerProcess): Promise<void> {
  expect((await server.end("SIGTERM")).code).toBe(0);
}

const asIs = (bytes: Buffer) => bytes;

/** Calls a method, whatever it is; the status. */
function call(
  client: Client,
  path: string,
  request: Uint8Array,
  { isStream = false, deadline = Date.now() + 20_000, headers = {} as Record<string, string> } = {},
): Promise<number> {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
  const bytes = Buffer.from(request);
  return new Promise((resolve) => {
    if (isStream) {
      const stream = client.makeServerStreamRequest(path, asIs, asIs, bytes, metadata, {
        deadline,
      });
      stream.on("data", () => {}).on("error", () => {});
      stream.on("status", ({ code }) => resolve(code));
      return;
    }
    client.makeUnaryRequest(path, asIs, asIs, bytes, metadata, { deadline }, (error) => {
      resolve(error?.code ?? status.OK);
    });
  });
}

const pathOf = ({ parent, name }: DescMethod) => `/${parent.typeName}/${name}`;
const get = (name: string) =>
  toBinary(GetArtistRequestSchema, create(GetArtistRequestSchema, { name }));
const TRACED = { headers: { traceparent: `00-${TRACE}-${PARENT}-01`, tracestate: "vendor=value" } };

const spansOf = ({ spans }: Collector, name: string) => spans.filter((span) => span.name === name);
const under = ({ spans }: Collector, { spanId }: ToldSpan) =>
  spans.filter(({ parentSpanId }) => parentSpanId === spanId);

test("a call is a span in its client's trace, with a span for each of its statements", async () => {
  const { collector, server, client } = await start("--fixtures");
  const artist = { displayName: MARKER, biography: MARKER };
  const created = toBinary(
    CreateArtistRequestSchema,
    create(CreateArtistRequestSchema, { artist }),
  );
  const filter = `biography = "${MARKER}"`;
  const listed = toBinary(ListArtistsRequestSchema, create(ListArtistsRequestSchema, { filter }));
  const type = { resourceType: "chinook.example.com/Artist" };
  const exported = toBinary(ExportRequestSchema, create(ExportRequestSchema, type));
  expect(await call(client, pathOf(getArtist), get("artists/1"), TRACED)).toBe(status.OK);
  expect(await call(client, pathOf(createArtist), created, TRACED)).toBe(status.OK);
  expect(await call(client, pathOf(listArtists), listed, TRACED)).toBe(status.OK);
  const streamed = { ...TRACED, isStream: true };
  const exportPath = pathOf(StoreService.method.export);
  expect(await call(client, exportPath, exported, streamed)).toBe(status.OK);
  expect(await call(client, pathOf(getArtist), get("artists/1"))).toBe(status.OK);
  await end(server);

  const [host, port] = server.address.split(":");
  const expected: readonly (readonly [string, string])[] = [
    // The main thread, the writer's, and a reader's.
    ["chinook.v1.ArtistService/GetArtist", "SELECT artists"],
    ["chinook.v1.ArtistService/CreateArtist", "INSERT artists"],
    ["chinook.v1.ArtistService/ListArtists", "SELECT artists"],
    ["protostore.v1.StoreService/Export", "SELECT artists"],
  ];
  for (const [method, statement] of expected) {
    const [span, ...others] = spansOf(collector, method).filter(
      ({ traceId }) => traceId === TRACE,
    ) as [ToldSpan, ...ToldSpan[]];
    expect(others).toEqual([]);
    expect(span).toMatchObject({ kind: SERVER, parentSpanId: PARENT, traceState: "vendor=value" });
    expect(span.status.code ?? 0).toBe(0);
    expect(span.attributes).toMatchObject({
      "rpc.system.name": "grpc",
      "rpc.method": method,
      "rpc.status_code": "OK",
      "server.address": host,
      "server.port": Number(port),
      "client.address": "127.0.0.1",
      "network.transport": "tcp",
    });
    expect(span.attributes["error.type"]).toBeUndefined();
    const statements = under(collector, span);
    const found = statements.find(({ name }) => name === statement);
    const [operation, table] = statement.split(" ");
    expect(found, `${method}: ${statements.map(({ name }) => name)}`).toMatchObject({
      kind: CLIENT,
      traceId: TRACE,
      attributes: {
        "db.system.name": "sqlite",
        "db.namespace": "store.db",
        "db.operation.name": operation,
        "db.collection.name": table,
        "db.query.summary": statement,
      },
    });
    for (const { name, startTimeUnixNano, endTimeUnixNano } of statements) {
      // Whichever thread it ran in: less than a millisecond is the clock's.
      const [from, to] = [BigInt(span.startTimeUnixNano), BigInt(span.endTimeUnixNano)];
      expect(BigInt(startTimeUnixNano) - from, name).toBeGreaterThan(-1_000_000n);
      expect(to - BigInt(endTimeUnixNano), name).toBeGreaterThan(-1_000_000n);
    }
  }
  const [create1] = spansOf(collector, "chinook.v1.ArtistService/CreateArtist") as [ToldSpan];
  expect(under(collector, create1).map(({ name }) => name)).toEqual(
    expect.arrayContaining(["BEGIN", "COMMIT"]),
  );
  // Without a client's trace, one of its own.
  const roots = spansOf(collector, "chinook.v1.ArtistService/GetArtist").filter(
    ({ parentSpanId }) => !parentSpanId,
  );
  expect(roots).toHaveLength(1);
  expect(roots[0]?.traceId).not.toBe(TRACE);
  expect(collector.text.toLowerCase()).not.toContain(MARKER.toLowerCase());
}, 60_000);

test("a span is an error where that is the server's, and unknown methods are one", async () => {
  const { collector, server, client } = await start("--fixtures");
  const path = pathOf(getArtist);
  expect(await call(client, path, get("artists/999999"))).toBe(status.NOT_FOUND);
  expect(await call(client, path, get("no name"))).toBe(status.INVALID_ARGUMENT);
  for (const unknown of ["/no.such.Service/One", "/no.such.Service/Two"]) {
    expect(await call(client, unknown, new Uint8Array(), TRACED)).toBe(status.UNIMPLEMENTED);
  }
  await end(server);

  const outcomes = collector.spans
    .filter(({ kind }) => kind === SERVER)
    .map(({ name, status: { code, message = "" }, attributes }) => [
      name,
      code ?? 0,
      message,
      attributes["rpc.method"],
      attributes["rpc.status_code"],
      attributes["error.type"],
    ]);
  const known = "chinook.v1.ArtistService/GetArtist";
  const unknown = ["grpc", ERROR, "", "_OTHER", "UNIMPLEMENTED", "UNIMPLEMENTED"];
  expect(outcomes).toEqual([
    [known, 0, "", known, "NOT_FOUND", undefined],
    [known, 0, "", known, "INVALID_ARGUMENT", undefined],
    unknown,
    unknown,
  ]);
  const others = spansOf(collector, "grpc");
  expect(others.map(({ attributes }) => attributes["rpc.method_original"])).toEqual([
    "no.such.Service/One",
    "no.such.Service/Two",
  ]);
  expect(others.map(({ traceId }) => traceId)).toEqual([TRACE, TRACE]);

  const calls = collector.points.filter(({ metric }) => metric === "rpc.server.call.duration");
  expect(calls.map(({ attributes, count }) => [attributes, count])).toEqual(
    expect.arrayContaining([
      [{ "rpc.system.name": "grpc", "rpc.method": known, "rpc.status_code": "NOT_FOUND" }, 1],
      [
        {
          "rpc.system.name": "grpc",
          "rpc.method": "_OTHER",
          "rpc.status_code": "UNIMPLEMENTED",
          "error.type": "UNIMPLEMENTED",
        },
        2,
      ],
    ]),
  );
  expect(calls).toHaveLength(3);
}, 60_000);

test("durations are told in seconds, in the buckets that the conventions advise", async () => {
  const { collector, server, client } = await start();
  const artist = { displayName: "New" };
  const created = toBinary(
    CreateArtistRequestSchema,
    create(CreateArtistRequestSchema, { artist }),
  );
  for (let i = 0; i < 3; i++) await call(client, pathOf(createArtist), created);
  await end(server);

  const [calls, ...others] = collector.points.filter(
    ({ metric }) => metric === "rpc.server.call.duration",
  );
  expect(others).toEqual([]);
  expect(calls).toMatchObject({
    unit: "s",
    count: 3,
    bounds: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
    attributes: { "rpc.status_code": "OK" },
  });
  const spans = spansOf(collector, "chinook.v1.ArtistService/CreateArtist");
  const nanos = spans.map((span) => BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano));
  const seconds = nanos.reduce((sum, each) => sum + Number(each) / 1e9, 0);
  expect(calls?.sum).toBeCloseTo(seconds, 4);

  const statements = collector.points.filter(
    ({ metric }) => metric === "db.client.operation.duration",
  );
  const inserts = statements.find(
    ({ attributes }) => attributes["db.query.summary"] === "INSERT artists",
  );
  expect(inserts).toMatchObject({
    unit: "s",
    count: 3,
    bounds: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
    attributes: {
      "db.system.name": "sqlite",
      "db.operation.name": "INSERT",
      "db.collection.name": "artists",
    },
  });
}, 60_000);

test("each of several processes tells of its own calls, and the log names the trace", async () => {
  const { collector, server } = await start(
    ...["--fixtures", "--processes", "2", "--log-calls", "all", "--log-calls-sample", "1"],
  );
  for (let i = 0; i < 12; i++) {
    // A connection each: those are what is shared among processes.
    const client = openClient(server.address);
    expect(await call(client, pathOf(getArtist), get("artists/1"))).toBe(status.OK);
    client.close();
  }
  await vi.waitFor(() => expect(logOf(server).filter(({ method }) => method)).toHaveLength(12));
  const lines = logOf(server).filter(({ method }) => method);
  await end(server);
  const spans = spansOf(collector, "chinook.v1.ArtistService/GetArtist");
  expect(spans).toHaveLength(12);
  expect(new Set(spans.map(({ pid }) => pid)).size).toBe(2);
  expect(new Set(lines.map(({ traceId }) => traceId))).toEqual(
    new Set(spans.map(({ traceId }) => traceId)),
  );
  expect(lines.map(({ statements }) => statements)).toEqual(lines.map(() => ["SELECT artists"]));
}, 60_000);

// Import over real gRPC and real SQLite: each request is all or none, what failed tells how far it
// came, and whatever ends a call leaves what was committed.

import { create, fromBinary } from "@bufbuild/protobuf";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { AlbumSchema } from "../../gen/chinook/v1/album_pb.ts";
import { ArtistSchema, ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { InvoiceSchema } from "../../gen/chinook/v1/invoice_pb.ts";
import { TrackSchema } from "../../gen/chinook/v1/track_pb.ts";
import {
  Health,
  HealthCheckResponse_ServingStatus as Serving,
} from "../../gen/health/v1/health_pb.ts";
import { StoreService } from "../../gen/protostore/v1/store_service_pb.ts";
import { until } from "../grpc/support.ts";
import {
  artist,
  artistNames,
  chinookType,
  exportAll,
  importAll,
  openImport,
  pack,
  startStoreService,
} from "./store-streams.ts";
import { createRows, failureOf, openSql } from "./support.ts";

test("commits each request as a whole, with a revision of its own", async () => {
  const service = await startStoreService();
  const { send, stream, answer, headers } = openImport(service.client);
  send({ resources: [artist("A"), artist("B")] });
  send({});
  send({ resources: [artist("C")] });
  stream.end();
  expect(await answer).toMatchObject({ importedCount: 3n, revision: 2n });
  expect((await headers).get("protostore-revision")).toEqual(["2"]);
  const { artists } = await service.connection.service(ArtistService).listArtists({});
  expect(artists.map(({ etag }) => etag)).toEqual(['"1"', '"1"', '"2"']);
});

test("of nothing does nothing", async () => {
  const { client } = await startStoreService();
  expect(await importAll(client)).toMatchObject({ importedCount: 0n, revision: 0n });
  expect(await importAll(client, [], [])).toMatchObject({ importedCount: 0n, revision: 0n });
});

test("that fails leaves the requests before, and tells how many resources they had", async () => {
  const service = await startStoreService();
  const failure = await failureOf(
    importAll(
      service.client,
      [artist("A"), artist("B")],
      [artist("C"), artist("D"), artist("x".repeat(121))],
      [artist("E")],
    ),
  );
  expect(failure).toMatchObject({
    code: "INVALID_ARGUMENT",
    fields: ["resources[2].display_name"],
    metadata: { imported_count: "2" },
  });
  expect(await artistNames(service)).toEqual(["A", "B"]);
});

test("of a row that is there is ALREADY_EXISTS, and names the item", async () => {
  const service = await startStoreService();
  await importAll(service.client, [artist("A", "artists/3")]);
  const failure = await failureOf(
    importAll(service.client, [artist("B", "artists/4"), artist("C", "artists/3")]),
  );
  expect(failure).toMatchObject({
    code: "ALREADY_EXISTS",
    reason: "RESOURCE_EXISTS",
    resource: "chinook.example.com/Artist artists/3",
    metadata: { imported_count: "0", item: "resources[1]" },
  });
  expect(await artistNames(service)).toEqual(["A"]);
});

const unknown = create(AnySchema, { typeUrl: "type.googleapis.com/chinook.v1.Nothing" });
const refused: Readonly<Record<string, readonly [Any, string]>> = {
  "of an unknown type": [unknown, "resources[1]"],
  "of a type that is no resource": [
    create(AnySchema, { typeUrl: "type.googleapis.com/chinook.v1.InvoiceLine" }),
    "resources[1]",
  ],
  "without a type": [create(AnySchema), "resources[1]"],
  "that cannot be decoded": [
    create(AnySchema, { ...artist("x"), value: new Uint8Array([0x0a, 0xff, 0x01]) }),
    "resources[1]",
  ],
  "with a wrong name": [artist("x", "albums/1"), "resources[1].name"],
  "without what is REQUIRED": [pack(TrackSchema, { title: "x" }), "resources[1].media_type"],
};
test.each(Object.entries(refused))("refuses a resource %s", async (_, [any, field]) => {
  const service = await startStoreService();
  const failure = await failureOf(importAll(service.client, [artist("A"), any]));
  expect(failure).toMatchObject({ code: "INVALID_ARGUMENT", metadata: { imported_count: "0" } });
  expect(failure.fields).toContain(field);
  expect(await artistNames(service)).toEqual([]);
});

test("takes the last name in the bytes of a resource, as every decoder does", async () => {
  const { client } = await startStoreService();
  const value = Buffer.concat(
    [artist("A", "artists/5"), artist("B", "artists/6")].map((any) => any.value),
  );
  await importAll(client, [create(AnySchema, { ...artist("A"), value })]);
  const [stored] = await exportAll(client, { resourceType: chinookType("Artist") });
  const found = fromBinary(ArtistSchema, stored?.value ?? new Uint8Array());
  expect(found).toMatchObject({ name: "artists/6", displayName: "B" });
});

test("refuses a reference to nothing, and takes one to what is before it", async () => {
  const { client } = await startStoreService();
  const album = (artistName: string) => pack(AlbumSchema, { title: "T", artist: artistName });
  expect(await failureOf(importAll(client, [album("artists/1")]))).toMatchObject({
    reason: "FOREIGN_KEY",
    preconditions: ["FOREIGN_KEY artists/1"],
    metadata: { item: "resources[0]" },
  });
  const { importedCount } = await importAll(client, [artist("A"), album("artists/1")]);
  expect(importedCount).toBe(2n);
});

test("sets what is the server's: etag, times and totals", async () => {
  const { client, connection } = await startStoreService();
  await createRows(connection);
  const line = { track: "tracks/1", unitPrice: { currencyCode: "USD", units: 2n }, quantity: 3 };
  const invoice = pack(InvoiceSchema, {
    customer: "customers/1",
    invoiceTime: { seconds: 1_700_000_000n },
    lines: [{ ...line, lineId: 8n }, line, { ...line, lineId: 3n }],
    total: { currencyCode: "USD", units: 99n },
    createTime: { seconds: 1n },
    etag: '"99"',
  });
  await importAll(client, [invoice]);
  const [stored] = await exportAll(client, { resourceType: chinookType("Invoice") });
  const found = fromBinary(InvoiceSchema, stored?.value ?? new Uint8Array());
  expect(found.total).toMatchObject({ units: 18n });
  expect(found.etag).toBe('"8"');
  expect(found.createTime?.seconds).toBeGreaterThan(1_700_000_000n);
  // Lines keep the ids that they have.
  expect(found.lines.map(({ lineId }) => lineId)).toEqual([3n, 8n, 9n]);
  const failure = { code: "ALREADY_EXISTS", fields: ["resources[0].lines[0].line_id"] };
  expect(await failureOf(importAll(client, [invoice]))).toMatchObject(failure);
  const twice = pack(InvoiceSchema, {
    customer: "customers/1",
    invoiceTime: { seconds: 1_700_000_000n },
    lines: [
      { ...line, lineId: 20n },
      { ...line, lineId: 20n },
    ],
  });
  expect(await failureOf(importAll(client, [twice]))).toMatchObject({
    fields: ["resources[0].lines[1].line_id"],
  });
});

test("takes at most as many resources in a request as a batch", async () => {
  const service = await startStoreService({ limits: { batchSizeMax: 3 } });
  const artists = ["A", "B", "C", "D"].map((name) => artist(name));
  expect(await failureOf(importAll(service.client, artists))).toMatchObject({
    fields: ["resources"],
  });
  expect(
    (await importAll(service.client, artists.slice(1), artists.slice(0, 1))).importedCount,
  ).toBe(4n);
});

test("is refused by a read-only server, which exports all the same", async () => {
  const { database, client } = await startStoreService();
  await importAll(client, [artist("A")]);
  const service = await startStoreService({ database, readOnly: true });
  expect(await failureOf(importAll(service.client, [artist("B")]))).toMatchObject({
    code: "FAILED_PRECONDITION",
    reason: "READ_ONLY_MODE",
    metadata: { imported_count: "0" },
  });
  const exported = await exportAll(service.client, { resourceType: chinookType("Artist") });
  expect(exported).toHaveLength(1);
});

test("that is cancelled keeps what was committed", async () => {
  const service = await startStoreService();
  const { send, stream, answer } = openImport(service.client);
  send({ resources: [artist("A")] });
  const sql = openSql(service.database);
  const count = sql.prepare("SELECT count(*) FROM artists").pluck();
  await until(() => count.get() === 1n);
  stream.cancel();
  expect(await answer.catch((error: unknown) => error)).toMatchObject({ code: 1 });
  await importAll(service.client, [artist("B")]);
  expect(await artistNames(service)).toEqual(["A", "B"]);
});

test("ends with the server's stop, which says how much was imported", async () => {
  const service = await startStoreService();
  const { send, answer } = openImport(service.client);
  send({ resources: [artist("A"), artist("B")] });
  const sql = openSql(service.database);
  const count = sql.prepare("SELECT count(*) FROM artists").pluck();
  await until(() => count.get() === 2n);
  const [failure] = await Promise.all([failureOf(answer), service.stop()]);
  expect(failure).toMatchObject({ code: "UNAVAILABLE", metadata: { imported_count: "2" } });
});

test("that waits for a lock ends at its deadline and imports nothing", async () => {
  const service = await startStoreService();
  const sql = openSql(service.database);
  sql.exec("BEGIN IMMEDIATE");
  const { send, answer } = openImport(service.client, 400);
  send({ resources: [artist("A")] });
  expect(await answer.catch((error: unknown) => error)).toMatchObject({ code: 4 });
  sql.exec("COMMIT");
  await importAll(service.client, [artist("B")]);
  expect(await artistNames(service)).toEqual(["B"]);
});

test("while the database cannot be served, Export and Import are refused, and health says so", async () => {
  const service = await startStoreService({ limits: { probeIntervalMs: 20 } });
  const statusOfStore = async () =>
    (await service.connection.service(Health).check({ service: StoreService.typeName })).status;
  expect(await statusOfStore()).toBe(Serving.SERVING);
  openSql(service.database).exec("UPDATE schema_migrations SET dirty = 1");
  await expect.poll(statusOfStore, { timeout: 30_000 }).toBe(Serving.NOT_SERVING);
  const resourceType = chinookType("Artist");
  for (const call of [
    exportAll(service.client, { resourceType }),
    importAll(service.client, [artist("A")]),
  ]) {
    expect(await failureOf(call)).toMatchObject({ code: "UNAVAILABLE", reason: "SCHEMA_MISMATCH" });
  }
});

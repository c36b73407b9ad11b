// Export, and what Import makes of it, over real gRPC and a real database: nothing is lost and nothing
// comes twice.

import { create, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";
import { beforeAll, describe, expect, test } from "vitest";
import { ArtistSchema, ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { PlaylistSchema } from "../../gen/chinook/v1/playlist_pb.ts";
import { TrackSchema, TrackService } from "../../gen/chinook/v1/track_pb.ts";
import { ExportResponseSchema } from "../../gen/protostore/v1/store_service_pb.ts";
import { RESOURCES } from "../../src/chinook/resources.ts";
import { planResources, type ResourcePlan } from "../../src/schema/plan.ts";
import { registryOf } from "../../src/schema/registry.ts";
import { connect } from "../grpc/support.ts";
import { makeResource } from "../support/arbitrary-resource.ts";
import { openOther } from "../support/driver.ts";
import { runService, type TestService } from "../support/service.ts";
import { findingsOf } from "../support/verified.ts";
import {
  artist,
  artistNames,
  chinookType,
  exportAll,
  exportPages,
  exportSome,
  importAll,
  openImport,
  pack,
  startStoreService,
} from "./store-streams.ts";
import { createRows, failureOf } from "./support.ts";

const plans = planResources(RESOURCES);

/** The fixtures, which no test changes. */
let fixtures: TestService;

beforeAll(async () => {
  fixtures = await runService({ fixtures: true });
  return () => fixtures.stop();
});

/** The resource without what its server sets. */
function comparable(plan: ResourcePlan, { typeUrl, value }: Any): Message {
  expect(typeUrl).toBe(`type.googleapis.com/${plan.desc.typeName}`);
  const message = fromBinary(plan.desc, value);
  const { etag, createTime, updateTime } = plan.standard;
  for (const field of [etag, createTime, updateTime]) reflect(plan.desc, message).clear(field);
  return message;
}

/** The names in resources of a plan's type. */
function namesOf(resources: readonly Any[], plan = planNamed("Artist")): unknown[] {
  return resources.map(({ value }) =>
    reflect(plan.desc, fromBinary(plan.desc, value)).get(plan.standard.name),
  );
}

function planNamed(name: string): ResourcePlan {
  return plans.find(({ desc }) => desc.name === name) as ResourcePlan;
}

describe("a round trip", () => {
  test("into an empty database changes nothing but etags and times", async () => {
    const source = connect(fixtures.address);
    const target = await startStoreService();
    for (const plan of plans) {
      const request = { resourceType: plan.resource.type };
      const exported = await exportAll(source, request);
      expect(exported.length).toBeGreaterThan(4);
      const { importedCount } = await importAll(target.client, exported);
      expect(importedCount).toBe(BigInt(exported.length));
      const again = await exportAll(target.client, request);
      const compare = (any: Any) => comparable(plan, any);
      expect(again.map(compare)).toEqual(exported.map(compare));
    }
    expect(await findingsOf(target.database)).toEqual([]);
    // Ids that were imported are taken.
    const created = await target.connection
      .service(ArtistService)
      .createArtist({ artist: { displayName: "x" } });
    expect(created.name).toBe("artists/41");
  });

  test("keeps every field of every resource, with unknown ones", async () => {
    const source = await startStoreService({ fixtures: true });
    const target = await startStoreService();
    const registry = registryOf(RESOURCES.map(({ resource }) => resource));
    for (const [index, plan] of plans.entries()) {
      const resources = Array.from({ length: 8 }, (_, seed) => {
        const message = makeResource(plan, registry, index * 1_000 + seed);
        reflect(plan.desc, message).clear(plan.standard.name);
        const value = toBinary(plan.desc, message);
        return create(AnySchema, { typeUrl: `/${plan.desc.typeName}`, value });
      });
      await importAll(source.client, resources);
      const exported = await exportAll(source.client, { resourceType: plan.resource.type });
      await importAll(target.client, exported);
      const again = await exportAll(target.client, { resourceType: plan.resource.type });
      const compare = (any: Any) => comparable(plan, any);
      expect(again.map(compare)).toEqual(exported.map(compare));
    }
    expect(await findingsOf(source.database)).toEqual([]);
    expect(await findingsOf(target.database)).toEqual([]);
  });

  test("works with the bytes of the responses as requests, and in any mix of types", async () => {
    const source = connect(fixtures.address);
    const target = await startStoreService();
    const { stream, answer } = openImport(target.client);
    const types = ["Genre", "MediaType", "Artist", "Album", "Track"];
    for (const type of types) {
      const pages = await exportPages(source, { resourceType: chinookType(type), pageSize: 16 });
      for (const page of pages) stream.write(Buffer.from(toBinary(ExportResponseSchema, page)));
    }
    stream.end();
    expect((await answer).importedCount).toBe(25n + 5n + 40n + 60n + 300n);

    const mixed = [
      artist("A", "artists/90"),
      pack(PlaylistSchema, { displayName: "P" }),
      artist("B"),
    ];
    expect((await importAll(target.client, mixed)).importedCount).toBe(3n);
    expect((await artistNames(target)).slice(-2)).toEqual(["A", "B"]);
  });

  test("keeps ids that no client may choose, as adopted files have them", async () => {
    const target = await startStoreService();
    const names = ["artists/-9223372036854775808", "artists/-3", "artists/0", "artists/5"];
    await importAll(
      target.client,
      names.map((name) => artist("x", name)),
    );
    expect(
      namesOf(await exportAll(target.client, { resourceType: chinookType("Artist") })),
    ).toEqual(names);
    expect(await findingsOf(target.database)).toEqual([]);
  });
});

describe("Export", () => {
  test("tells revisions, and the end by an empty token", async () => {
    const { client } = await startStoreService();
    const request = { resourceType: chinookType("Artist") };
    expect(await exportPages(client, request)).toMatchObject([
      { resources: [], nextPageToken: "", revision: 0n },
    ]);
    await importAll(client, [artist("A"), artist("B"), artist("C")]);
    const pages = await exportPages(client, { ...request, pageSize: 2 });
    expect(pages.map(({ resources }) => resources.length)).toEqual([2, 1]);
    expect(pages.map(({ revision }) => revision)).toEqual([1n, 1n]);
    expect(pages.map(({ nextPageToken }) => nextPageToken === "")).toEqual([false, true]);
  });

  test("filters as List does", async () => {
    const filter = 'unit_price.units = 1 OR title = "*a*"';
    const pages = await exportPages(connect(fixtures.address), {
      resourceType: chinookType("Track"),
      pageSize: 10,
      filter,
    });
    const { tracks } = await fixtures.connection
      .service(TrackService)
      .listTracks({ filter, pageSize: 1_000 });
    expect(tracks.length).toBeGreaterThan(10);
    expect(tracks.length).toBeLessThan(300);
    const exported = pages.flatMap(({ resources }) => resources);
    expect(exported.map(({ value }) => fromBinary(TrackSchema, value))).toEqual(tracks);
  });

  test("goes on from any token after it was cancelled: no gap, nothing twice", async () => {
    const client = connect(fixtures.address);
    const request = { resourceType: chinookType("Track"), pageSize: 7, filter: 'title = "*e*"' };
    const tracks = planNamed("Track");
    const all = namesOf(await exportAll(client, request), tracks);
    for (const count of [1, 3]) {
      const some = await exportSome(client, request, count);
      expect(some).toHaveLength(count);
      const pageToken = some.at(-1)?.nextPageToken ?? "";
      // The size of a page may be another one.
      const rest = await exportAll(client, { ...request, pageSize: 50, pageToken });
      const first = some.flatMap(({ resources }) => resources);
      expect(first).toHaveLength(count * 7);
      expect(namesOf([...first, ...rest], tracks)).toEqual(all);
    }
  });

  test("sees what each page finds: changes behind it, and none before it", async () => {
    const { client, connection } = await startStoreService();
    const names = ["artists/1", "artists/2", "artists/3", "artists/4"];
    await importAll(
      client,
      names.map((name) => artist("old", name)),
    );
    const request = { resourceType: chinookType("Artist"), pageSize: 2 };
    const [page] = await exportSome(client, request, 1);
    const artists = connection.service(ArtistService);
    await artists.deleteArtist({ name: "artists/1" });
    await artists.deleteArtist({ name: "artists/4" });
    await artists.updateArtist({ artist: { name: "artists/3", displayName: "new" } });
    const rest = await exportPages(client, { ...request, pageToken: page?.nextPageToken ?? "" });
    const found = rest.flatMap(({ resources }) => resources);
    expect(found.map(({ value }) => fromBinary(ArtistSchema, value))).toMatchObject([
      { name: "artists/3", displayName: "new" },
    ]);
    expect([page?.revision, rest[0]?.revision]).toEqual([1n, 4n]);
  });

  test("has rows that other programs wrote, as Get has them", async () => {
    const { client, connection, database } = await startStoreService();
    await createRows(connection);
    const sql = await openOther(database);
    await sql.exec("UPDATE artists SET Name = 'Sjón'");
    await sql.exec("INSERT INTO artists (ArtistId, Name) VALUES (7, 'Plain')");
    const exported = await exportAll(client, { resourceType: chinookType("Artist") });
    const artists = connection.service(ArtistService);
    expect(exported.map(({ value }) => fromBinary(ArtistSchema, value))).toEqual([
      await artists.getArtist({ name: "artists/1" }),
      await artists.getArtist({ name: "artists/7" }),
    ]);
    expect((await artists.getArtist({ name: "artists/1" })).displayName).toBe("Sjón");
  });

  test("ends pages by their bytes, with at least one resource in each", async () => {
    const { client } = await startStoreService({ limits: { exportPageBytes: 1_000 } });
    const sizes = [10, 10, 5_000, 400, 400, 400, 10];
    await importAll(
      client,
      sizes.map((size) => pack(ArtistSchema, { displayName: "x", biography: "x".repeat(size) })),
    );
    const pages = await exportPages(client, { resourceType: chinookType("Artist") });
    expect(pages.map(({ resources }) => resources.length)).toEqual([2, 1, 2, 2]);
  });

  test.each([
    ["resource_type", { resourceType: "" }],
    ["resource_type", { resourceType: "chinook.v1.Artist" }],
    ["filter", { resourceType: chinookType("Artist"), filter: "nonsense = 1" }],
    ["page_size", { resourceType: chinookType("Artist"), pageSize: -1 }],
    ["page_token", { resourceType: chinookType("Artist"), pageToken: "AAAA" }],
  ])("refuses a bad %s", async (field, request) => {
    const failure = await failureOf(exportPages(connect(fixtures.address), request));
    expect(failure).toMatchObject({ code: "INVALID_ARGUMENT", fields: [field] });
  });

  test("refuses the token of another request", async () => {
    const client = connect(fixtures.address);
    const request = { resourceType: chinookType("Track"), pageSize: 2 };
    const [page] = await exportSome(client, request, 1);
    const pageToken = page?.nextPageToken ?? "";
    const { nextPageToken } = await fixtures.connection
      .service(TrackService)
      .listTracks({ pageSize: 2 });
    const others = [
      { ...request, pageToken, filter: 'title = "*e*"' },
      { ...request, pageToken, resourceType: chinookType("Artist") },
      { ...request, pageToken: nextPageToken },
    ];
    for (const other of others) {
      const failure = await failureOf(exportPages(client, other));
      expect(failure).toMatchObject({ fields: ["page_token"] });
    }
  });
});

// What clients see of the queue of writes: its bound, a resource that cannot be decoded, and how far
// a write is on disk when it is acknowledged.

import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { status as Code } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import {
  ArtistSchema,
  ArtistService,
  CreateArtistRequestSchema,
} from "../../gen/chinook/v1/artist_pb.ts";
import {
  DatabaseService,
  DatabaseStatus_Synchronous as Synchronous,
} from "../../gen/protostore/v1/database_service_pb.ts";
import { callUnary, connect } from "../grpc/support.ts";
import { startTestService } from "../support/service.ts";
import { failureOf, openSql } from "./support.ts";

test("a write that finds the queue full is told when to come again, and the others go on", async () => {
  const { connection, database } = await startTestService({ limits: { commitQueueMax: 2 } });
  const artists = connection.service(ArtistService);
  const sql = openSql(database);
  sql.exec("BEGIN IMMEDIATE");
  const waiting = ["one", "two"].map((displayName) =>
    artists.createArtist({ artist: { displayName } }),
  );
  const status = () => connection.service(DatabaseService).getDatabaseStatus({});
  while ((await status()).server?.queuedCommits !== 2);
  const failure = await failureOf(artists.createArtist({ artist: { displayName: "three" } }));
  expect(failure).toMatchObject({
    code: "RESOURCE_EXHAUSTED",
    reason: "OVERLOADED",
    hasRetryInfo: true,
  });
  sql.exec("COMMIT");
  const stored = await Promise.all(waiting);
  expect(stored.map(({ displayName }) => displayName)).toEqual(["one", "two"]);
  expect((await status()).server?.queuedCommits).toBe(0);
});

test("a resource that cannot be decoded is refused by its field", async () => {
  const { address } = await startTestService();
  const artist = toBinary(ArtistSchema, create(ArtistSchema, { displayName: "x" }));
  const { number } = CreateArtistRequestSchema.field.artist;
  const request = new BinaryWriter()
    .tag(number, WireType.LengthDelimited)
    .bytes(Buffer.concat([artist, Uint8Array.of(255)]))
    .finish();
  await expect(
    callUnary(connect(address), ArtistService.method.createArtist, request),
  ).rejects.toMatchObject({
    code: Code.INVALID_ARGUMENT,
    details: "artist: cannot be decoded as chinook.v1.Artist",
  });
});

test.for([
  ["full", Synchronous.FULL],
  ["relaxed", Synchronous.NORMAL],
] as const)("health tells that durability is %s", async ([durability, synchronous]) => {
  const { connection } = await startTestService({ durability });
  const status = await connection.service(DatabaseService).getDatabaseStatus({});
  expect(status.connection?.synchronous).toBe(synchronous);
});

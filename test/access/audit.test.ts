// The audit log: a line for each call that may write, with names and never with contents.

import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import {
  ArtistService,
  BatchCreateArtistsRequestSchema,
  CreateArtistRequestSchema,
  DeleteArtistRequestSchema,
  GetArtistRequestSchema,
} from "../../gen/chinook/v1/artist_pb.ts";
import {
  AddPlaylistTracksRequestSchema,
  PlaylistService,
} from "../../gen/chinook/v1/playlist_pb.ts";
import { startTestService } from "../support/service.ts";
import { tempDir } from "../support/temp.ts";
import { openClient, refusalOf, tokenFile } from "./support.ts";

const MARKER = "the-users-own-words";

test("each call that may write has a line of who, what and how it ended", async () => {
  const auditLog = join(tempDir(), "audit.log");
  const { file, texts } = tokenFile({ reader: {}, writer: { role: "writer" } });
  const access = { access: { tokens: file }, auditLog };
  const client = openClient((await startTestService({ fixtures: true, access })).address);
  const { createArtist, getArtist, deleteArtist, batchCreateArtists } = ArtistService.method;
  const writer = `Bearer ${texts.writer}`;
  const artist = { displayName: MARKER, biography: MARKER };
  const one = toBinary(CreateArtistRequestSchema, create(CreateArtistRequestSchema, { artist }));
  const two = toBinary(
    BatchCreateArtistsRequestSchema,
    create(BatchCreateArtistsRequestSchema, { requests: [{ artist }, { artist }] }),
  );
  const name = { name: "artists/999999" };
  const gone = toBinary(DeleteArtistRequestSchema, create(DeleteArtistRequestSchema, name));
  const read = toBinary(GetArtistRequestSchema, create(GetArtistRequestSchema, name));
  const linked = toBinary(
    AddPlaylistTracksRequestSchema,
    create(AddPlaylistTracksRequestSchema, { playlist: "playlists/1", tracks: ["tracks/1"] }),
  );
  await refusalOf(client, createArtist, writer, one);
  await refusalOf(client, batchCreateArtists, writer, two);
  await refusalOf(client, deleteArtist, writer, gone);
  await refusalOf(client, getArtist, writer, read);
  await refusalOf(client, PlaylistService.method.addPlaylistTracks, writer, linked);
  await refusalOf(client, createArtist, `Bearer ${texts.reader}`, one);
  await refusalOf(client, createArtist, undefined, one);
  await refusalOf(client, createArtist, writer, Buffer.from([0xff]));

  const text = readFileSync(auditLog, "utf8");
  expect(text).not.toContain(MARKER);
  expect(text).not.toContain(texts.writer.slice(-20));
  expect(statSync(auditLog).mode & 0o777).toBe(0o600);
  const lines = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const artists = "chinook.v1.ArtistService";
  const created = expect.stringMatching(/^artists\/\d+$/);
  const revision = expect.stringMatching(/^\d+$/);
  const by = { principal: "token:writer" };
  expect(lines).toMatchObject([
    { ...by, method: `${artists}/CreateArtist`, names: [created], outcome: "OK", revision },
    {
      ...by,
      method: `${artists}/BatchCreateArtists`,
      names: [created, created],
      outcome: "OK",
      revision,
    },
    { ...by, method: `${artists}/DeleteArtist`, names: [name.name], outcome: "RESOURCE_NOT_FOUND" },
    { ...by, names: ["playlists/1", "tracks/1"], outcome: "OK" },
    { principal: "token:reader", names: [], outcome: "PERMISSION_DENIED" },
    { principal: "anybody", names: [], outcome: "UNAUTHENTICATED" },
    { ...by, names: [], outcome: "INVALID_FIELD" },
  ]);
  expect(new Set(lines.map(({ time }) => typeof time))).toEqual(new Set(["string"]));
  for (const { peer } of lines) expect(peer).toMatch(/^127\.0\.0\.1:\d+$/);
});

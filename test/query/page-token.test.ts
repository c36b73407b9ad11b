// A page token leads back to where its page ended, and only for the request that it is of.

import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ListArtistsRequestSchema } from "../../gen/chinook/v1/artist_pb.ts";
import { ListPlaylistTracksRequestSchema as Schema } from "../../gen/chinook/v1/playlist_pb.ts";
import { digestRequest, formatPageToken, parsePageToken } from "../../src/query/page-token.ts";

const digest = (playlist: string, pageSize = 0, pageToken = "") =>
  digestRequest(Schema, create(Schema, { playlist, pageSize, pageToken }));

test("a token gives its key back, whatever the page size", () => {
  const keys = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  fc.assert(
    fc.property(keys, fc.nat(), (key, pageSize) => {
      const token = formatPageToken(key, digest("playlists/1"));
      expect(parsePageToken(token, digest("playlists/1", pageSize, token))).toBe(key);
      expect(token).toMatch(/^[A-Za-z0-9_-]+$/);
    }),
  );
});

test("an empty token is the first page", () => {
  expect(parsePageToken("", digest("playlists/1"))).toBeNull();
});

test("a token of other arguments or another method is refused", () => {
  const token = formatPageToken(7n, digest("playlists/1"));
  const other = digestRequest(ListArtistsRequestSchema, create(ListArtistsRequestSchema));
  for (const wrong of [digest("playlists/2"), other]) {
    expect(() => parsePageToken(token, wrong)).toThrow("page_token: is not a token");
  }
});

test("what is no token is refused", () => {
  const token = formatPageToken(7n, digest("playlists/1"));
  for (const text of [
    "x",
    "AAAA",
    token.slice(1),
    `${token}A`,
    ` ${token}`,
    `Z${token.slice(1)}`,
  ]) {
    expect(() => parsePageToken(text, digest("playlists/1")), text).toThrow("page_token: is ");
  }
  fc.assert(
    fc.property(fc.string(), (text) => {
      if (text === "") return;
      expect(() => parsePageToken(text, digest("playlists/1"))).toThrow("page_token: is ");
    }),
  );
});

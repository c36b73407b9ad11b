// A page token leads back to where its page ended, and only for the request that it is of and under
// the key of its database.

import { randomBytes } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ListArtistsRequestSchema } from "../../gen/chinook/v1/artist_pb.ts";
import { ListPlaylistTracksRequestSchema as Schema } from "../../gen/chinook/v1/playlist_pb.ts";
import { createPageTokens } from "../../src/query/page-token.ts";
import { digestPagedRequest, digestRequest } from "../../src/query/request-digest.ts";
import { EVERYTHING } from "../support/everything.ts";

const KEY = randomBytes(32);
const tokens = createPageTokens(KEY);
const digest = (parent: string, pageSize = 0, pageToken = "") =>
  digestPagedRequest(Schema, create(Schema, { parent, pageSize, pageToken }));

const values = fc.array(
  fc.oneof(
    fc.constant(null),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.double(),
    fc.string({ unit: "grapheme" }),
    fc.uint8Array(),
  ),
);

test("a token gives its values back, whatever the page size", () => {
  fc.assert(
    fc.property(values, fc.nat(), (sorted, pageSize) => {
      const token = tokens.seal(sorted, digest("playlists/1"));
      const opened = createPageTokens(KEY).open(token, digest("playlists/1", pageSize, token));
      const plain = opened?.map((value) =>
        Buffer.isBuffer(value) ? new Uint8Array(value) : value,
      );
      expect(plain).toEqual(sorted);
      expect(token).toMatch(/^[A-Za-z0-9_-]+$/);
    }),
  );
});

test("an empty token is the first page", () => {
  expect(tokens.open("", digest("playlists/1"))).toBeUndefined();
});

test("a token tells nothing and is never the same twice", () => {
  const seal = () => tokens.seal(["secret"], digest("playlists/1"));
  // Nonces are made some at a time: one that comes again would give the key away.
  const nonces = Array.from({ length: 600 }, () => seal().slice(0, 16));
  expect(new Set(nonces).size).toBe(600);
  expect(Buffer.from(seal(), "base64url").includes("secret")).toBe(false);
});

test("a token of other arguments, another method or another database is refused", () => {
  const token = tokens.seal([7n], digest("playlists/1"));
  const other = digestPagedRequest(ListArtistsRequestSchema, create(ListArtistsRequestSchema));
  const refused = "page_token: is not a token";
  expect(() => tokens.open(token, digest("playlists/2"))).toThrow(refused);
  expect(() => tokens.open(token, other)).toThrow(refused);
  const foreign = createPageTokens(randomBytes(32));
  expect(() => foreign.open(token, digest("playlists/1"))).toThrow(refused);
});

test("a token with any bit changed, or cut, is refused", () => {
  const token = tokens.seal([7n, "x"], digest("playlists/1"));
  const bytes = Buffer.from(token, "base64url");
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const text = changed.toString("base64url");
    expect(() => tokens.open(text, digest("playlists/1"))).toThrow("page_token: is not");
  }
  for (let length = 1; length < token.length; length++) {
    const text = token.slice(0, length);
    expect(() => tokens.open(text, digest("playlists/1"))).toThrow("page_token: is not");
  }
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (text) => {
      expect(() => tokens.open(text, digest("playlists/1"))).toThrow("page_token: is not");
    }),
  );
});

test("a request has one digest, in whatever order its maps are written, at any depth", () => {
  const request = (...keys: string[]) => {
    const byName = Object.fromEntries(keys.map((key) => [key, {}]));
    const jMapString = Object.fromEntries(keys.map((key) => [key, "x"]));
    return [
      { jMapString },
      { jNode: { byName } },
      { jNodes: [{}, { byName }] },
      { jMapSint32: { 7: { byName } } },
    ].map((fields) => Buffer.from(digestRequest(EVERYTHING, create(EVERYTHING, fields as never))));
  };
  expect(request("b", "a", "c")).toEqual(request("c", "b", "a"));
  const all = [...request("a", "b"), ...request("a", "c")].map((bytes) => bytes.toString("hex"));
  expect(new Set(all).size).toBe(all.length);
});

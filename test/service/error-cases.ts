// Calls that must fail, each with what it must fail with. They run against artists/1, albums/1,
// tracks/1 to 4 of which tracks/1 is on playlists/1, and customers/1.

import { AlbumService } from "../../gen/chinook/v1/album_pb.ts";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { CustomerService } from "../../gen/chinook/v1/customer_pb.ts";
import { InvoiceService } from "../../gen/chinook/v1/invoice_pb.ts";
import { PlaylistService } from "../../gen/chinook/v1/playlist_pb.ts";
import { TrackService } from "../../gen/chinook/v1/track_pb.ts";
import type { Connection } from "../../src/client/client.ts";
import { type Failure, track, usd } from "./support.ts";

export interface Case {
  readonly call: (connection: Connection) => Promise<unknown>;
  readonly failure: Partial<Failure>;
}

const artists = (connection: Connection) => connection.service(ArtistService);
const albums = (connection: Connection) => connection.service(AlbumService);
const tracks = (connection: Connection) => connection.service(TrackService);
const customers = (connection: Connection) => connection.service(CustomerService);
const playlists = (connection: Connection) => connection.service(PlaylistService);

export function invalid(...fields: readonly string[]): Partial<Failure> {
  return { code: "INVALID_ARGUMENT", reason: "INVALID_FIELD", fields };
}

function missing(type: string, name: string): Partial<Failure> {
  const resource = `chinook.example.com/${type} ${name}`;
  return { code: "NOT_FOUND", reason: "RESOURCE_NOT_FOUND", resource };
}

function refused(...preconditions: readonly string[]): Partial<Failure> {
  return {
    code: "FAILED_PRECONDITION",
    reason: "FOREIGN_KEY",
    preconditions: preconditions.map((name) => `FOREIGN_KEY ${name}`),
  };
}

const MALFORMED_NAMES = [
  "",
  "artists",
  "artists/",
  "artists/x",
  "artists/01",
  "artists/1/",
  "artists/1 ",
  "artists/+1",
  "artists/-0",
  "artists/1e3",
  "artists/9223372036854775808",
  "albums/1",
  "artists/1' OR '1'='1",
];

const BAD_MONEY = {
  "of another currency": { ...usd("0.99"), currencyCode: "EUR" },
  "without a currency": { ...usd("0.99"), currencyCode: "" },
  "of half a cent": usd("0.995"),
  "of a tenth of a nano too much": { ...usd("0.99"), nanos: 990_000_001 },
  "too large": usd("100000000.00"),
  "largest of all": { currencyCode: "USD", units: 2n ** 63n - 1n, nanos: 0 },
  "with two signs": { currencyCode: "USD", units: 1n, nanos: -990_000_000 },
  "with a unit in the nanos": { currencyCode: "USD", units: 0n, nanos: 1_000_000_000 },
} as const;

const BAD_DURATIONS = {
  "below a millisecond": { seconds: 1n, nanos: 1 },
  "with two signs": { seconds: 1n, nanos: -1_000_000 },
  "with a second in the nanos": { seconds: 0n, nanos: 1_000_000_000 },
  "beyond 64 bits": { seconds: 2n ** 63n - 1n, nanos: 0 },
} as const;

const GARBAGE_TOKENS = ["x", "AAAA", "%%%", "a".repeat(1000), "1", "☃"];

export const CASES: Readonly<Record<string, Case>> = {
  ...Object.fromEntries(
    MALFORMED_NAMES.map((name) => [
      `a malformed name: ${JSON.stringify(name)}`,
      { call: (c: Connection) => artists(c).getArtist({ name }), failure: invalid("name") },
    ]),
  ),
  "a malformed name to delete": {
    call: (c) => artists(c).deleteArtist({ name: "artist/1" }),
    failure: invalid("name"),
  },
  "a malformed name to update": {
    call: (c) => artists(c).updateArtist({ artist: { name: "1", displayName: "x" } }),
    failure: invalid("artist.name"),
  },
  "a malformed playlist": {
    call: (c) => playlists(c).listPlaylistTracks({ parent: "tracks/1" }),
    failure: invalid("parent"),
  },
  "a malformed track to add": {
    call: (c) =>
      playlists(c).addPlaylistTracks({ playlist: "playlists/1", tracks: ["tracks/2", "x"] }),
    failure: invalid("tracks[1]"),
  },

  "a missing resource": {
    call: (c) => artists(c).getArtist({ name: "artists/77" }),
    failure: missing("Artist", "artists/77"),
  },
  "a missing resource with the largest id": {
    call: (c) => artists(c).getArtist({ name: "artists/9223372036854775807" }),
    failure: missing("Artist", "artists/9223372036854775807"),
  },
  "a missing resource with a negative id": {
    call: (c) => artists(c).getArtist({ name: "artists/-9223372036854775808" }),
    failure: missing("Artist", "artists/-9223372036854775808"),
  },
  "an update of a missing resource": {
    call: (c) => artists(c).updateArtist({ artist: { name: "artists/77", displayName: "x" } }),
    failure: missing("Artist", "artists/77"),
  },
  "a delete of a missing resource": {
    call: (c) => artists(c).deleteArtist({ name: "artists/77" }),
    failure: missing("Artist", "artists/77"),
  },

  "no resource": { call: (c) => artists(c).createArtist({}), failure: invalid("artist") },
  "several REQUIRED fields missing": {
    call: (c) => customers(c).createCustomer({ customer: { company: "X" } }),
    failure: invalid("customer.given_name", "customer.family_name", "customer.email"),
  },
  "REQUIRED fields of nested messages missing": {
    call: (c) =>
      c.service(InvoiceService).createInvoice({
        invoice: { customer: "customers/1", lines: [{ track: "tracks/1", quantity: 1 }, {}] },
      }),
    failure: invalid(
      "invoice.invoice_time",
      "invoice.lines[0].unit_price",
      "invoice.lines[1].track",
      "invoice.lines[1].unit_price",
      "invoice.lines[1].quantity",
    ),
  },
  "a REQUIRED field cleared by an update": {
    call: (c) =>
      customers(c).updateCustomer({
        customer: { name: "customers/1" },
        updateMask: { paths: ["email"] },
      }),
    failure: invalid("customer.email"),
  },

  "too many characters": {
    call: (c) => artists(c).createArtist({ artist: { displayName: "x".repeat(121) } }),
    failure: invalid("artist.display_name"),
  },
  "too many characters, each of two UTF-16 units": {
    call: (c) => artists(c).createArtist({ artist: { displayName: "🎸".repeat(121) } }),
    failure: invalid("artist.display_name"),
  },
  "too many characters in an update": {
    call: (c) =>
      customers(c).updateCustomer({
        customer: { name: "customers/1", postalCode: "x".repeat(11) },
      }),
    failure: invalid("customer.postal_code"),
  },

  ...Object.fromEntries(
    Object.entries(BAD_MONEY).map(([what, unitPrice]) => [
      `money ${what}`,
      {
        call: (c: Connection) => tracks(c).createTrack({ track: track("x", { unitPrice }) }),
        failure: invalid("track.unit_price"),
      },
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(BAD_DURATIONS).map(([what, duration]) => [
      `a duration ${what}`,
      {
        call: (c: Connection) => tracks(c).createTrack({ track: track("x", { duration }) }),
        failure: invalid("track.duration"),
      },
    ]),
  ),

  "an unknown mask path": {
    call: (c) =>
      artists(c).updateArtist({
        artist: { name: "artists/1", displayName: "x" },
        updateMask: { paths: ["display_name", "nonsense"] },
      }),
    failure: invalid("update_mask"),
  },
  "a mask path in JSON spelling": {
    call: (c) =>
      artists(c).updateArtist({
        artist: { name: "artists/1", displayName: "x" },
        updateMask: { paths: ["displayName"] },
      }),
    failure: invalid("update_mask"),
  },
  "a mask path into a scalar": {
    call: (c) =>
      artists(c).updateArtist({
        artist: { name: "artists/1", displayName: "x" },
        updateMask: { paths: ["display_name.x"] },
      }),
    failure: invalid("update_mask"),
  },

  ...Object.fromEntries(
    GARBAGE_TOKENS.map((pageToken) => [
      `page_token ${pageToken.slice(0, 9)}`,
      {
        call: (c: Connection) => tracks(c).listTracks({ pageToken }),
        failure: invalid("page_token"),
      },
    ]),
  ),
  "a negative page_size": {
    call: (c) => tracks(c).listTracks({ pageSize: -1 }),
    failure: invalid("page_size"),
  },
  "a negative page_size of tracks on a playlist": {
    call: (c) => playlists(c).listPlaylistTracks({ parent: "playlists/1", pageSize: -1 }),
    failure: invalid("page_size"),
  },

  "a reference to a missing album": {
    call: (c) => tracks(c).createTrack({ track: track("x", { album: "albums/77" }) }),
    failure: refused("albums/77"),
  },
  "references to several missing resources": {
    call: (c) =>
      tracks(c).createTrack({
        track: track("x", { album: "albums/77", genre: "genres/78", mediaType: "mediaTypes/79" }),
      }),
    failure: refused("albums/77", "mediaTypes/79", "genres/78"),
  },
  "an update to a missing reference": {
    call: (c) => tracks(c).updateTrack({ track: { name: "tracks/1", genre: "genres/78" } }),
    failure: refused("genres/78"),
  },
  "a reference of another kind": {
    call: (c) => tracks(c).createTrack({ track: track("x", { album: "artists/1" }) }),
    failure: invalid("track.album"),
  },
  "a delete of an artist with albums": {
    call: (c) => artists(c).deleteArtist({ name: "artists/1" }),
    failure: refused("artists/1"),
  },
  "a delete of an album with tracks": {
    call: (c) => albums(c).deleteAlbum({ name: "albums/1" }),
    failure: refused("albums/1"),
  },
  "a delete of a track on a playlist": {
    call: (c) => tracks(c).deleteTrack({ name: "tracks/1" }),
    failure: refused("tracks/1"),
  },

  "a track added that is on the playlist": {
    call: (c) =>
      playlists(c).addPlaylistTracks({
        playlist: "playlists/1",
        tracks: ["tracks/2", "tracks/1"],
      }),
    failure: {
      code: "ALREADY_EXISTS",
      reason: "RESOURCE_EXISTS",
      resource: "chinook.example.com/Track tracks/1",
    },
  },
  "a track added twice in one request": {
    call: (c) =>
      playlists(c).addPlaylistTracks({
        playlist: "playlists/1",
        tracks: ["tracks/2", "tracks/2"],
      }),
    failure: invalid("tracks"),
  },
  "a missing track added": {
    call: (c) =>
      playlists(c).addPlaylistTracks({
        playlist: "playlists/1",
        tracks: ["tracks/2", "tracks/77"],
      }),
    failure: missing("Track", "tracks/77"),
  },
  "a track added to a missing playlist": {
    call: (c) => playlists(c).addPlaylistTracks({ playlist: "playlists/77", tracks: ["tracks/2"] }),
    failure: missing("Playlist", "playlists/77"),
  },
  "a track removed that is not on the playlist": {
    call: (c) =>
      playlists(c).removePlaylistTracks({
        playlist: "playlists/1",
        tracks: ["tracks/1", "tracks/2"],
      }),
    failure: missing("Track", "tracks/2"),
  },
  "no tracks to add": {
    call: (c) => playlists(c).addPlaylistTracks({ playlist: "playlists/1" }),
    failure: invalid("tracks"),
  },
  "more than 1000 tracks to add": {
    call: (c) =>
      playlists(c).addPlaylistTracks({
        playlist: "playlists/1",
        tracks: Array.from({ length: 1001 }, (_, index) => `tracks/${index + 2}`),
      }),
    failure: invalid("tracks"),
  },
  "more than 1000 tracks to remove": {
    call: (c) =>
      playlists(c).removePlaylistTracks({
        playlist: "playlists/1",
        tracks: Array.from({ length: 1001 }, (_, index) => `tracks/${index + 1}`),
      }),
    failure: invalid("tracks"),
  },
};

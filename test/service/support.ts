// What the tests of the whole service share: rows to begin with, plain SQL beside the server, and
// what a failed call says.

import type { MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { status as Code } from "@grpc/grpc-js";
import { expect, onTestFinished } from "vitest";
import { AlbumService } from "../../gen/chinook/v1/album_pb.ts";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { CustomerService } from "../../gen/chinook/v1/customer_pb.ts";
import { GenreService } from "../../gen/chinook/v1/genre_pb.ts";
import { MediaTypeService } from "../../gen/chinook/v1/media_type_pb.ts";
import { type TrackSchema, TrackService } from "../../gen/chinook/v1/track_pb.ts";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from "../../gen/google/rpc/error_details_pb.ts";
import { type Connection, RpcError } from "../../src/client/client.ts";
import {
  openConnection,
  type Connection as SqlConnection,
} from "../../src/database/sqlite/connection/connection.ts";

/** What a failed call says, decoded. */
export interface Failure {
  /** The name of the gRPC status. */
  readonly code: keyof typeof Code;
  readonly message: string;
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** The fields of BadRequest. */
  readonly fields: readonly string[];
  /** `type subject` of each violation of PreconditionFailure. */
  readonly preconditions: readonly string[];
  /** `type name` of ResourceInfo. */
  readonly resource: string | undefined;
  readonly hasRetryInfo: boolean;
}

/**
 * What SQL, a table, a column, a file or a stack would look like in a text for clients. (A table
 * such as `tracks` has the name of a collection, so that only its SQL would tell it.)
 */
const LEAK =
  /\b(SELECT|INSERT|UPDATE|DELETE|REPLACE|WHERE|FROM|BEGIN|PRAGMA|SQLITE|sqlite)\b|SQLITE_|Sqlite|schema_migrations|store_state|high_water|invoice_items|playlist_track|media_types|[A-Z]\w*Id\b|FirstName|LastName|UnitPrice|Milliseconds|InvoiceDate|created_at|updated_at|\bwire\b|\.ts:|\.[jt]s\b|\/tmp|node_modules|\n\s*at /;

/** The failure of `call`, which must fail in the form of every error, telling no internals. */
export async function failureOf(call: Promise<unknown>): Promise<Failure> {
  const error = await call.then(
    () => new Error("the call has not failed"),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof RpcError)) throw error;
  const details = error.status?.details ?? [];
  const find = <T extends Parameters<typeof anyUnpack>[1]>(schema: T) => {
    const found = details.filter(({ typeUrl }) => typeUrl.endsWith(`/${schema.typeName}`));
    expect(found.length).toBeLessThanOrEqual(1);
    return found[0] && (anyUnpack(found[0], schema) as MessageShape<T>);
  };
  const info = find(ErrorInfoSchema);
  const preconditions = find(PreconditionFailureSchema)?.violations ?? [];
  const fields = find(BadRequestSchema)?.fieldViolations ?? [];
  const resource = find(ResourceInfoSchema);
  expect(error.status?.code).toBe(error.code);
  expect(error.status?.message).toBe(error.message);
  expect(info?.domain).toBe("chinook.example.com");
  const texts = [
    error.message,
    ...[...fields, ...preconditions].map(({ description }) => description),
    ...Object.values(info?.metadata ?? {}),
  ];
  for (const text of texts) expect(text).not.toMatch(LEAK);
  return {
    code: Code[error.code] as keyof typeof Code,
    message: error.message,
    reason: info?.reason ?? "",
    metadata: info?.metadata ?? {},
    fields: fields.map(({ field }) => field),
    preconditions: preconditions.map(({ type, subject }) => `${type} ${subject}`),
    resource: resource && `${resource.resourceType} ${resource.resourceName}`,
    hasRetryInfo: find(RetryInfoSchema) !== undefined,
  };
}

/** Plain SQL on the file that a server serves, as any other program runs it. */
export function openSql(path: string): SqlConnection {
  const sql = openConnection(path, { busyTimeoutMs: 10_000 });
  onTestFinished(() => {
    sql.close();
  });
  return sql;
}

/** Money in USD from decimal text. */
export function usd(text: string): { currencyCode: string; units: bigint; nanos: number } {
  const [, sign, units = "", decimals = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  const direction = sign ? -1 : 1;
  const nanos = Number(decimals.padEnd(9, "0")) * direction;
  return { currencyCode: "USD", units: BigInt(units) * BigInt(direction), nanos: nanos || 0 };
}

/** Money in cents. */
export function cents(money: { units: bigint; nanos: number } | undefined): bigint {
  if (!money) throw new Error("there is no money");
  expect(Math.abs(money.nanos % 10_000_000)).toBe(0);
  return money.units * 100n + BigInt(money.nanos / 10_000_000);
}

/** A track with all that is REQUIRED, on albums/1. */
export function track(
  title: string,
  more: MessageInitShape<typeof TrackSchema> = {},
): MessageInitShape<typeof TrackSchema> {
  return {
    title,
    album: "albums/1",
    mediaType: "mediaTypes/1",
    duration: { seconds: 1n },
    unitPrice: usd("0.99"),
    ...more,
  } as MessageInitShape<typeof TrackSchema>;
}

/** Creates rows with id 1: an artist, album, genre, media type and customer; tracks from 1 on. */
export async function createRows(connection: Connection, tracks = 2): Promise<void> {
  await connection.service(ArtistService).createArtist({ artist: { displayName: "Björk" } });
  await connection.service(GenreService).createGenre({ genre: { displayName: "Pop" } });
  await connection.service(MediaTypeService).createMediaType({ mediaType: { displayName: "CD" } });
  const album = { title: "Debut", artist: "artists/1" };
  await connection.service(AlbumService).createAlbum({ album });
  for (let number = 1; number <= tracks; number++) {
    await connection.service(TrackService).createTrack({ track: track(`Track ${number}`) });
  }
  const customer = { givenName: "Ada", familyName: "L", email: "ada@example.com" };
  await connection.service(CustomerService).createCustomer({ customer });
}

interface Page<T> {
  readonly items: readonly T[];
  readonly nextPageToken: string;
}

/** The items of all pages. */
export async function allPages<T>(load: (pageToken: string) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  let pageToken = "";
  do {
    const page = await load(pageToken);
    items.push(...page.items);
    expect(page.nextPageToken).not.toBe(pageToken || undefined);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return items;
}

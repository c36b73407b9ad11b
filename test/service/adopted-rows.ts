// What the messages of an adopted Chinook file must be, written by hand for each table and read from
// the original file by SQL alone: nothing of the service's own mapping is used.

import {
  create,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { type Album, AlbumSchema } from "../../gen/chinook/v1/album_pb.ts";
import { type Artist, ArtistSchema } from "../../gen/chinook/v1/artist_pb.ts";
import {
  type Customer,
  Customer_Status,
  CustomerSchema,
} from "../../gen/chinook/v1/customer_pb.ts";
import { type Employee, EmployeeSchema } from "../../gen/chinook/v1/employee_pb.ts";
import { type Genre, GenreSchema } from "../../gen/chinook/v1/genre_pb.ts";
import { type Invoice, InvoiceSchema } from "../../gen/chinook/v1/invoice_pb.ts";
import { type MediaType, MediaTypeSchema } from "../../gen/chinook/v1/media_type_pb.ts";
import { type Playlist, PlaylistSchema } from "../../gen/chinook/v1/playlist_pb.ts";
import { type Track, TrackSchema } from "../../gen/chinook/v1/track_pb.ts";
import { openConnection } from "../../src/database/sqlite/connection/connection.ts";
import { usd } from "./support.ts";

/** All that the original file holds. */
export interface Expected {
  readonly artists: readonly Artist[];
  readonly albums: readonly Album[];
  readonly tracks: readonly Track[];
  readonly genres: readonly Genre[];
  readonly mediaTypes: readonly MediaType[];
  readonly playlists: readonly Playlist[];
  readonly customers: readonly Customer[];
  readonly employees: readonly Employee[];
  readonly invoices: readonly Invoice[];
  /** The names of the tracks on each playlist, by the playlist's name. */
  readonly playlistTracks: ReadonlyMap<string, readonly string[]>;
}

/** A row in which every value is text, an integer or NULL. */
type TextRow = Readonly<Record<string, string | bigint | null>>;

/** Reads the original file, which must have the upstream naming. */
export function readExpected(path: string): Expected {
  const sql = openConnection(path, { readOnly: true, busyTimeoutMs: 1_000 });
  try {
    const all = (query: string) => sql.prepare(query).all() as TextRow[];
    const lines = Map.groupBy(
      all("SELECT *, printf('%.2f', UnitPrice) AS Price FROM InvoiceLine ORDER BY InvoiceLineId"),
      (row) => row.InvoiceId,
    );
    const pairs = all("SELECT * FROM PlaylistTrack ORDER BY PlaylistId, TrackId");
    const onPlaylist = Map.groupBy(pairs, (row) => `playlists/${row.PlaylistId}`);
    return {
      artists: all("SELECT * FROM Artist ORDER BY 1").map(toArtist),
      albums: all("SELECT * FROM Album ORDER BY 1").map(toAlbum),
      tracks: all("SELECT *, printf('%.2f', UnitPrice) AS Price FROM Track ORDER BY 1").map(
        toTrack,
      ),
      genres: all("SELECT * FROM Genre ORDER BY 1").map((row) =>
        message(GenreSchema, { name: `genres/${row.GenreId}`, displayName: text(row.Name) }),
      ),
      mediaTypes: all("SELECT * FROM MediaType ORDER BY 1").map((row) =>
        message(MediaTypeSchema, {
          name: `mediaTypes/${row.MediaTypeId}`,
          displayName: text(row.Name),
        }),
      ),
      playlists: all("SELECT * FROM Playlist ORDER BY 1").map((row) =>
        message(PlaylistSchema, {
          name: `playlists/${row.PlaylistId}`,
          displayName: text(row.Name),
        }),
      ),
      customers: all("SELECT * FROM Customer ORDER BY 1").map(toCustomer),
      employees: all("SELECT * FROM Employee ORDER BY 1").map(toEmployee),
      invoices: all(
        `SELECT *, printf('%.2f', Total) AS Price, unixepoch(InvoiceDate) AS Seconds
         FROM Invoice ORDER BY 1`,
      ).map((row) => toInvoice(row, lines.get(row.InvoiceId) ?? [])),
      playlistTracks: new Map(
        [...onPlaylist].map(([name, rows]) => [name, rows.map((row) => `tracks/${row.TrackId}`)]),
      ),
    };
  } finally {
    sql.close();
  }
}

/** No adopted row was ever written by the service: its revision is 0, its times are unknown. */
function message<D extends DescMessage>(schema: D, init: MessageInitShape<D>): MessageShape<D> {
  return create(schema, { ...init, etag: '"0"' });
}

function toArtist(row: TextRow): Artist {
  return message(ArtistSchema, { name: `artists/${row.ArtistId}`, displayName: text(row.Name) });
}

function toAlbum(row: TextRow): Album {
  return message(AlbumSchema, {
    name: `albums/${row.AlbumId}`,
    title: text(row.Title),
    artist: `artists/${row.ArtistId}`,
  });
}

function toTrack(row: TextRow): Track {
  return message(TrackSchema, {
    name: `tracks/${row.TrackId}`,
    title: text(row.Name),
    album: reference("albums", row.AlbumId),
    mediaType: `mediaTypes/${row.MediaTypeId}`,
    genre: reference("genres", row.GenreId),
    ...present({ composer: row.Composer }),
    duration: {
      seconds: integer(row.Milliseconds) / 1000n,
      nanos: Number(integer(row.Milliseconds) % 1000n) * 1_000_000,
    },
    ...(row.Bytes === null ? {} : { sizeBytes: integer(row.Bytes) }),
    unitPrice: usd(text(row.Price)),
  });
}

function toCustomer(row: TextRow): Customer {
  return message(CustomerSchema, {
    name: `customers/${row.CustomerId}`,
    givenName: text(row.FirstName),
    familyName: text(row.LastName),
    email: text(row.Email),
    supportRep: reference("employees", row.SupportRepId),
    status: Customer_Status.ACTIVE,
    ...present({
      company: row.Company,
      address: row.Address,
      city: row.City,
      region: row.State,
      country: row.Country,
      postalCode: row.PostalCode,
      phone: row.Phone,
      fax: row.Fax,
    }),
  });
}

function toEmployee(row: TextRow): Employee {
  return message(EmployeeSchema, {
    name: `employees/${row.EmployeeId}`,
    givenName: text(row.FirstName),
    familyName: text(row.LastName),
    manager: reference("employees", row.ReportsTo),
    birthDate: date(row.BirthDate),
    hireDate: date(row.HireDate),
    ...present({
      jobTitle: row.Title,
      address: row.Address,
      city: row.City,
      region: row.State,
      country: row.Country,
      postalCode: row.PostalCode,
      phone: row.Phone,
      fax: row.Fax,
      email: row.Email,
    }),
  });
}

function toInvoice(row: TextRow, lines: readonly TextRow[]): Invoice {
  return message(InvoiceSchema, {
    name: `invoices/${row.InvoiceId}`,
    customer: `customers/${row.CustomerId}`,
    invoiceTime: { seconds: integer(row.Seconds) },
    total: usd(text(row.Price)),
    ...present({
      billingAddress: row.BillingAddress,
      billingCity: row.BillingCity,
      billingRegion: row.BillingState,
      billingCountry: row.BillingCountry,
      billingPostalCode: row.BillingPostalCode,
    }),
    lines: lines.map((line) => ({
      lineId: integer(line.InvoiceLineId),
      track: `tracks/${line.TrackId}`,
      unitPrice: usd(text(line.Price)),
      quantity: Number(line.Quantity),
    })),
  });
}

type Cell = string | bigint | null | undefined;

/** NULL is "" in a field that cannot be absent. */
function text(cell: Cell): string {
  if (cell === null) return "";
  if (typeof cell === "string") return cell;
  throw new Error(`${cell} is no text`);
}

function integer(cell: Cell): bigint {
  if (typeof cell === "bigint") return cell;
  throw new Error(`${cell} is no integer`);
}

function reference(collection: string, cell: Cell): string {
  return cell === null ? "" : `${collection}/${integer(cell)}`;
}

function date(cell: Cell): { year: number; month: number; day: number } {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d) 00:00:00$/.exec(text(cell)) ?? [];
  return { year: Number(year), month: Number(month), day: Number(day) };
}

/** The fields that are not NULL; the others are absent. */
function present<K extends string>(cells: Record<K, Cell>): { [P in K]?: string } {
  const entries = Object.entries<Cell>(cells).filter(([, cell]) => cell !== null);
  return Object.fromEntries(entries.map(([key, cell]) => [key, text(cell)])) as {
    [P in K]?: string;
  };
}

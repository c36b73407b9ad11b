// The real Chinook file, adopted in either naming and served: every value of every row is what it
// was.

import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { describe, expect, onTestFinished, test } from "vitest";
import { AlbumSchema, AlbumService } from "../../gen/chinook/v1/album_pb.ts";
import { ArtistSchema, ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { CustomerSchema, CustomerService } from "../../gen/chinook/v1/customer_pb.ts";
import { EmployeeSchema, EmployeeService } from "../../gen/chinook/v1/employee_pb.ts";
import { GenreSchema, GenreService } from "../../gen/chinook/v1/genre_pb.ts";
import { InvoiceSchema, InvoiceService } from "../../gen/chinook/v1/invoice_pb.ts";
import { MediaTypeSchema, MediaTypeService } from "../../gen/chinook/v1/media_type_pb.ts";
import { PlaylistSchema, PlaylistService } from "../../gen/chinook/v1/playlist_pb.ts";
import { TrackSchema, TrackService } from "../../gen/chinook/v1/track_pb.ts";
import { adoptDatabase } from "../../src/chinook/adopt/adopt.ts";
import type { Connection } from "../../src/client/client.ts";
import { openConnection } from "../../src/database/sqlite/connection/connection.ts";
import { realChinook } from "../support/chinook.ts";
import { startTestService, type TestService } from "../support/service.ts";
import { tempDir } from "../support/temp.ts";
import { outsideTool } from "../support/tools.ts";
import { type Expected, readExpected } from "./adopted-rows.ts";
import { runCli, runProgram } from "./cli.ts";
import { allPages, cents, openSql } from "./support.ts";

const PLURAL: Readonly<Record<string, string>> = {
  Artist: "artists",
  Album: "albums",
  Track: "tracks",
  Genre: "genres",
  MediaType: "media_types",
  Playlist: "playlists",
  PlaylistTrack: "playlist_track",
  Customer: "customers",
  Employee: "employees",
  Invoice: "invoices",
  InvoiceLine: "invoice_items",
};

const original = realChinook();

/** A way to make an adopted file's forerunner from the original. */
type Make = (original: string, path: string) => void;

const NAMINGS: Readonly<Record<string, Make>> = {
  upstream: copyFileSync,
  plural: makePlural,
};

/** The tables as the tutorial file has them: plural names, AUTOINCREMENT keys, one of its own. */
function makePlural(from: string, path: string): void {
  const sql = openConnection(path, { create: true, busyTimeoutMs: 1_000 });
  sql.pragma("page_size = 1024");
  sql.pragma("foreign_keys = OFF");
  sql.prepare("ATTACH ? AS original").run(from);
  for (const [table, plural] of Object.entries(PLURAL)) {
    const query = "SELECT sql FROM original.sqlite_schema WHERE type = 'table' AND name = ?";
    const text = sql.prepare(query).pluck().get(table) as string;
    const renamed = Object.entries(PLURAL).reduce(
      (result, [name, to]) => result.replaceAll(`[${name}]`, `"${to}"`),
      text,
    );
    const keyed = renamed
      .replace(/CONSTRAINT \[PK_\w+\] PRIMARY KEY {2}\(\[\w+\]\),?/, "")
      .replace(/(\[\w+\]) INTEGER {2}NOT NULL/, "$1 INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL")
      .replace(/,\s*\)$/, ")");
    sql.exec(table === "PlaylistTrack" ? renamed : keyed);
    sql.exec(`INSERT INTO main.${plural} SELECT * FROM original.${table}`);
  }
  sql.exec("CREATE TABLE notes (text); INSERT INTO notes VALUES ('mine')");
  sql.close();
}

/** Adopts a copy of the original file and serves it. */
async function serveAdopted(make: Make): Promise<TestService & { expected: Expected }> {
  if (!original) throw new Error("the file is not there");
  const database = join(tempDir(), "chinook.db");
  make(original, database);
  const { tables } = await adoptDatabase(database, { lockTimeoutMs: 15_000 });
  const rows = Object.fromEntries(tables.map((count) => [count.table, count.rows]));
  expect(rows).toMatchObject({ tracks: 3503, playlist_track: 8715, invoice_items: 2240 });
  return { ...(await startTestService({ database })), expected: readExpected(original) };
}

/** Equal in every field, in the presence of every field, and in order. */
function expectSame<D extends DescMessage>(
  schema: D,
  found: readonly MessageShape<D>[],
  expected: readonly MessageShape<D>[],
  count: number,
): void {
  expect(found).toHaveLength(count);
  expect(expected).toHaveLength(count);
  for (const [index, message] of found.entries()) {
    const other = expected[index] as MessageShape<D>;
    if (Buffer.compare(toBinary(schema, message), toBinary(schema, other)) === 0) continue;
    expect(message).toEqual(other);
    throw new Error(`${schema.name} ${index} differs in what is absent`);
  }
}

const list = {
  artists: (connection: Connection, pageSize: number) =>
    allPages(async (pageToken) => {
      const page = await connection.service(ArtistService).listArtists({ pageSize, pageToken });
      return { ...page, items: page.artists };
    }),
  albums: (connection: Connection, pageSize: number) =>
    allPages(async (pageToken) => {
      const page = await connection.service(AlbumService).listAlbums({ pageSize, pageToken });
      return { ...page, items: page.albums };
    }),
  tracks: (connection: Connection, pageSize: number) =>
    allPages(async (pageToken) => {
      const page = await connection.service(TrackService).listTracks({ pageSize, pageToken });
      return { ...page, items: page.tracks };
    }),
  genres: (connection: Connection, pageSize: number) =>
    allPages(async (pageToken) => {
      const page = await connection.service(GenreService).listGenres({ pageSize, pageToken });
      return { ...page, items: page.genres };
    }),
  mediaTypes: (connection: Connection, pageSize: number) =>
    allPages(async (pageToken) => {
      const service = connection.service(MediaTypeService);
      const page = await service.listMediaTypes({ pageSize, pageToken });
      return { ...page, items: page.mediaTypes };
    }),
  playlists: (connection: Connection, pageSize: number) =>
    allPages(async (pageToken) => {
      const service = connection.service(PlaylistService);
      const page = await service.listPlaylists({ pageSize, pageToken });
      return { ...page, items: page.playlists };
    }),
  customers: (connection: Connection, pageSize: number) =>
    allPages(async (pageToken) => {
      const service = connection.service(CustomerService);
      const page = await service.listCustomers({ pageSize, pageToken });
      return { ...page, items: page.customers };
    }),
  employees: (connection: Connection, pageSize: number) =>
    allPages(async (pageToken) => {
      const service = connection.service(EmployeeService);
      const page = await service.listEmployees({ pageSize, pageToken });
      return { ...page, items: page.employees };
    }),
  invoices: (connection: Connection, pageSize: number) =>
    allPages(async (pageToken) => {
      const page = await connection.service(InvoiceService).listInvoices({ pageSize, pageToken });
      return { ...page, items: page.invoices };
    }),
};

for (const [naming, make] of Object.entries(NAMINGS)) {
  describe.skipIf(!original)(`the real file in ${naming} naming`, () => {
    test("every field of every row is the SQL value", async () => {
      const { connection, database, expected } = await serveAdopted(make);
      const c = connection;
      expectSame(ArtistSchema, await list.artists(c, 0), expected.artists, 275);
      expectSame(AlbumSchema, await list.albums(c, 347), expected.albums, 347);
      expectSame(TrackSchema, await list.tracks(c, 1000), expected.tracks, 3503);
      expectSame(GenreSchema, await list.genres(c, 1), expected.genres, 25);
      expectSame(MediaTypeSchema, await list.mediaTypes(c, 5), expected.mediaTypes, 5);
      expectSame(PlaylistSchema, await list.playlists(c, 4), expected.playlists, 18);
      expectSame(CustomerSchema, await list.customers(c, 58), expected.customers, 59);
      expectSame(EmployeeSchema, await list.employees(c, 3), expected.employees, 8);
      const invoices = await list.invoices(c, 7);
      expectSame(InvoiceSchema, invoices, expected.invoices, 412);

      expect(invoices.flatMap(({ lines }) => lines)).toHaveLength(2240);
      for (const { name, lines, total } of invoices) {
        const sum = lines.reduce((n, l) => n + cents(l.unitPrice) * BigInt(l.quantity), 0n);
        expect(cents(total), name).toBe(sum);
      }
      let onPlaylists = 0;
      for (const { name } of expected.playlists) {
        const service = connection.service(PlaylistService);
        const tracks = await allPages(async (pageToken) => {
          const request = { parent: name, pageSize: 1000, pageToken };
          const page = await service.listPlaylistTracks(request);
          return { ...page, items: page.tracks };
        });
        const names = tracks.map((track) => track.name);
        expect(names).toEqual(expected.playlistTracks.get(name) ?? []);
        onPlaylists += names.length;
      }
      expect(onPlaylists).toBe(8715);
      expect(await runCli("verify", "--database", database)).toEqual({
        code: 0,
        stdout: "4652 rows: columns, JSON and bytes agree\n",
        stderr: "",
      });
    });

    test("Get gives what List gives", async () => {
      const { connection, expected } = await serveAdopted(make);
      for (const customer of expected.customers) {
        const { name } = customer;
        const found = await connection.service(CustomerService).getCustomer({ name });
        expectSame(CustomerSchema, [found], [customer], 1);
      }
      for (const invoice of expected.invoices.filter((_, index) => index % 10 === 0)) {
        const { name } = invoice;
        const found = await connection.service(InvoiceService).getInvoice({ name });
        expectSame(InvoiceSchema, [found], [invoice], 1);
      }
    });

    test("an update changes its field alone, and verify is clean", async () => {
      const { connection, database, expected } = await serveAdopted(make);
      const sql = openSql(database);
      const columns =
        "InvoiceId, CustomerId, InvoiceDate, BillingAddress, BillingCity, BillingState, " +
        "BillingCountry, BillingPostalCode, Total";
      const rows = () => [
        sql.prepare(`SELECT ${columns} FROM invoices`).raw().all(),
        sql
          .prepare(
            "SELECT InvoiceLineId, InvoiceId, TrackId, UnitPrice, Quantity FROM invoice_items",
          )
          .raw()
          .all(),
      ];
      const before = rows();
      const invoices = connection.service(InvoiceService);
      for (const invoice of expected.invoices.filter((_, index) => index % 8 === 0)) {
        const { name } = invoice;
        const { etag, createTime, updateTime, ...updated } = await invoices.updateInvoice({
          invoice: { name, notes: "Ø" },
        });
        expect(updateTime).toBeDefined();
        expect(createTime).toBeUndefined();
        const { etag: _none, ...rest } = invoice;
        expect(updated).toEqual({ ...rest, notes: "Ø" });
        expect(await invoices.getInvoice({ name })).toEqual({ ...updated, etag, updateTime });
      }
      expect(rows()).toEqual(before);
      const verify = await runCli("verify", "--database", database);
      expect(verify).toMatchObject({ code: 0, stderr: "" });
    });

    test("new rows get ids above the old ones", async () => {
      const { connection } = await serveAdopted(make);
      const artist = { displayName: "New" };
      const created = await connection.service(ArtistService).createArtist({ artist });
      expect(created.name).toBe("artists/276");
      const invoice = {
        customer: "customers/1",
        invoiceTime: { seconds: 1n },
        lines: [{ track: "tracks/1", unitPrice: { currencyCode: "USD", units: 1n }, quantity: 1 }],
      };
      const sold = await connection.service(InvoiceService).createInvoice({ invoice });
      expect(sold).toMatchObject({ name: "invoices/413", lines: [{ lineId: 2241n }] });
    });

    test("plain SQL beside the server shows in the next call", async () => {
      const { connection, database } = await serveAdopted(make);
      const update = "UPDATE customers SET City='Oslo' WHERE CustomerId=1";
      const sqlite3 = outsideTool("sqlite3");
      if (sqlite3) {
        expect(await runProgram(sqlite3, [database, update])).toMatchObject({ code: 0 });
      } else {
        openSql(database).exec(update);
      }
      const { city } = await connection.service(CustomerService).getCustomer({
        name: "customers/1",
      });
      expect(city).toBe("Oslo");
    });
  });
}

test.skipIf(!original)("the old names are readable in a file of upstream naming", async () => {
  const { connection, database } = await serveAdopted(copyFileSync);
  const sql = openSql(database);
  const before = openConnection(original ?? "", { readOnly: true, busyTimeoutMs: 1_000 });
  onTestFinished(() => {
    before.close();
  });
  for (const table of Object.keys(PLURAL)) {
    const columns = before.prepare(`SELECT * FROM ${table}`).columns();
    const names = columns.map(({ name }) => name).join(", ");
    const query = `SELECT ${names} FROM ${table} ORDER BY 1, 2`;
    expect(sql.prepare(query).raw().all()).toEqual(before.prepare(query).raw().all());
  }
  const customer = { name: "customers/1", givenName: "Luisa" };
  await connection.service(CustomerService).updateCustomer({ customer });
  const first = sql.prepare("SELECT FirstName FROM Customer").pluck().get();
  expect(first).toBe("Luisa");
});

test.skipIf(!original)("a table of the file's owner is left alone", async () => {
  const { database } = await serveAdopted(makePlural);
  expect(openSql(database).prepare("SELECT * FROM notes").all()).toEqual([{ text: "mine" }]);
});

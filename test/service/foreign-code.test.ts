// Triggers, foreign key actions and conflict clauses that a user's file has: whatever they do to a
// write, its answer is what is stored, and what is answered as failed has not happened.

import { describe, expect, test } from "vitest";
import { AlbumService } from "../../gen/chinook/v1/album_pb.ts";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { EmployeeService } from "../../gen/chinook/v1/employee_pb.ts";
import { InvoiceService } from "../../gen/chinook/v1/invoice_pb.ts";
import { PlaylistService } from "../../gen/chinook/v1/playlist_pb.ts";
import { TrackService } from "../../gen/chinook/v1/track_pb.ts";
import { findingsOf } from "../support/verified.ts";
import { getCustomer, getInvoice, type Store, startStore } from "./store.ts";
import { cents, failureOf, openSql, usd } from "./support.ts";

/** A store whose SQL knows what only files have. */
type FileStore = Omit<Store, "sql"> & { readonly sql: ReturnType<typeof openSql> };

async function startFile(): Promise<FileStore> {
  const store = await startStore();
  return { ...store, sql: openSql(store.database) };
}

const pluck = (sql: FileStore["sql"], query: string) => sql.prepare(query).pluck().get();

/** Everything that our tables hold, but for the state that every commit moves. */
function contentOf({ sql }: FileStore): string {
  const tables = sql
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '%search%'")
    .pluck()
    .all() as string[];
  const own = tables.filter((name) => !/^(?:store_|sqlite_|id_high_water|notes)/.test(name));
  const rows = own.map((name) => sql.prepare(`SELECT * FROM ${name}`).raw().all());
  return JSON.stringify(rows, (_, value) => (typeof value === "bigint" ? `${value}n` : value));
}

/** Changes the text of a table's definition, as a file would have had it from the start. */
function redefine({ sql }: FileStore, table: string, from: string, to: string): void {
  sql.unsafeMode(true);
  sql.pragma("writable_schema = ON");
  const { changes } = sql
    .prepare("UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name = ? AND instr(sql, ?)")
    .run(from, to, table, from);
  expect(changes).toBe(1);
  sql.pragma("writable_schema = RESET");
  sql.unsafeMode(false);
  // Other connections read the schema again.
  sql.exec("CREATE TABLE moved_on (x); DROP TABLE moved_on");
}

const SAME_ROW = "UPDATE artists SET Name = upper(Name) WHERE ArtistId = NEW.ArtistId";

/** Bodies of triggers and what they are on. */
const TRIGGERS: Readonly<Record<string, string>> = {
  "changes a row that is inserted": `AFTER INSERT ON artists BEGIN ${SAME_ROW}; END`,
  "changes a row that is updated": `AFTER UPDATE ON artists BEGIN ${SAME_ROW}; END`,
  "changes the JSON of a row": `AFTER INSERT ON artists BEGIN
    UPDATE artists SET data = json_set(data, '$.biography', 'x') WHERE ArtistId = NEW.ArtistId; END`,
  "changes another resource": `AFTER INSERT ON artists BEGIN
    UPDATE albums SET Title = Title || '+'; UPDATE customers SET City = 'Oslo'; END`,
  "changes a resource that is written later in the batch": `AFTER INSERT ON artists BEGIN
    UPDATE artists SET Name = Name || '+'; END`,
  "sets the total of an invoice": `AFTER INSERT ON invoice_items BEGIN
    UPDATE invoices SET Total = 77 WHERE InvoiceId = NEW.InvoiceId; END`,
  "adds a line": `AFTER INSERT ON invoices BEGIN
    INSERT INTO invoice_items (InvoiceId, TrackId, UnitPrice, Quantity)
    VALUES (NEW.InvoiceId, 1, 9, 1); END`,
  "changes a line": `AFTER INSERT ON invoice_items BEGIN
    UPDATE invoice_items SET Quantity = 5 WHERE InvoiceLineId = NEW.InvoiceLineId; END`,
  "deletes a line of another invoice": `AFTER INSERT ON invoices BEGIN
    DELETE FROM invoice_items WHERE InvoiceId < NEW.InvoiceId; END`,
  "replaces a line of another invoice": `AFTER INSERT ON invoices BEGIN
    INSERT OR REPLACE INTO invoice_items (InvoiceLineId, InvoiceId, TrackId, UnitPrice, Quantity)
    VALUES (1, NEW.InvoiceId, 1, 9, 1); END`,
  "changes a track when it comes to a playlist": `AFTER INSERT ON playlist_track BEGIN
    UPDATE tracks SET Composer = 'x' WHERE TrackId = NEW.TrackId; END`,
  "inserts a resource": "AFTER INSERT ON artists BEGIN INSERT INTO genres (Name) VALUES ('x'); END",
  "does nothing to ours": `AFTER UPDATE ON albums BEGIN
    UPDATE store_secrets SET value = value WHERE FALSE; END`,
};

/** Calls that write; each gives messages as they were answered. */
const WRITES: readonly ((store: FileStore) => Promise<readonly { name: string }[]>)[] = [
  async ({ connection }) => [
    await connection.service(ArtistService).createArtist({ artist: { displayName: "a" } }),
  ],
  async ({ connection }) => {
    const artist = { name: "artists/1", displayName: "b" };
    return [await connection.service(ArtistService).updateArtist({ artist })];
  },
  async ({ connection }) => {
    const requests = ["a", "b", "c"].map((displayName) => ({ artist: { displayName } }));
    return (await connection.service(ArtistService).batchCreateArtists({ requests })).artists;
  },
  async ({ connection }) => {
    const artists = connection.service(ArtistService);
    const calls = ["x", "y", "z"].map((displayName) =>
      artists.createArtist({ artist: { displayName } }),
    );
    return await Promise.all(calls);
  },
  async ({ connection }) => {
    const album = { title: "c", artist: "artists/1" };
    return [await connection.service(AlbumService).createAlbum({ album })];
  },
  async ({ connection }) => {
    const lines = [{ track: "tracks/1", unitPrice: usd("1.00"), quantity: 1 }];
    const invoice = { customer: "customers/1", invoiceTime: { seconds: 1n }, lines };
    return [await connection.service(InvoiceService).createInvoice({ invoice })];
  },
  async ({ connection }) => {
    const invoice = { name: "invoices/1", notes: "n" };
    return [await connection.service(InvoiceService).updateInvoice({ invoice })];
  },
  async ({ connection }) => {
    const playlists = connection.service(PlaylistService);
    const { name } = await playlists.createPlaylist({ playlist: { displayName: "p" } });
    await playlists.addPlaylistTracks({ playlist: name, tracks: ["tracks/1"] });
    return [];
  },
];

const getter = ({ connection }: FileStore) => ({
  artists: (name: string) => connection.service(ArtistService).getArtist({ name }),
  albums: (name: string) => connection.service(AlbumService).getAlbum({ name }),
  invoices: (name: string) => connection.service(InvoiceService).getInvoice({ name }),
});

describe("a trigger of somebody else that", () => {
  for (const [what, body] of Object.entries(TRIGGERS)) {
    test(`${what} shows in the answer, and in all that it changed`, async () => {
      const store = await startFile();
      const others = [
        () => getCustomer(store),
        () => getInvoice(store),
        () => store.connection.service(TrackService).getTrack({ name: "tracks/1" }),
      ];
      store.sql.exec(`CREATE TRIGGER of_somebody ${body}`);
      for (const run of WRITES) {
        const before = await Promise.all(others.map((get) => get()));
        const written = await run(store);
        for (const message of written) {
          const get = getter(store)[message.name.split("/")[0] as "artists"];
          // What was written at the same time may have changed it since.
          if (run !== WRITES[3]) expect(await get(message.name)).toEqual(message);
        }
        const after = await Promise.all(others.map((get) => get()));
        for (const [index, old] of before.entries()) {
          const now = after[index] as typeof old;
          const [plain, changed] = [old, now].map((m) => ({ ...m, etag: "", updateTime: {} }));
          const isSame = JSON.stringify(plain, bigints) === JSON.stringify(changed, bigints);
          if (!isSame) expect(now.etag).not.toBe(old.etag);
        }
      }
      expect(await findingsOf(store.database)).toEqual([]);
    });
  }

  for (const event of ["INSERT", "UPDATE", "DELETE"]) {
    for (const action of ["IGNORE", "ROLLBACK, 'no'", "ABORT, 'no'", "FAIL, 'no'"]) {
      test(`says RAISE(${action}) to ${event} lets nothing of the commit happen`, async () => {
        const store = await startFile();
        const artists = store.connection.service(ArtistService);
        await artists.createArtist({ artist: { displayName: "bad" } });
        const row = event === "DELETE" ? "OLD" : "NEW";
        store.sql.exec(`CREATE TRIGGER of_somebody BEFORE ${event} ON artists
          WHEN ${row}.Name = 'bad' BEGIN SELECT RAISE(${action}); END`);
        const before = contentOf(store);
        const requests = ["a", "b", "bad", "d"].map((displayName) => ({ artist: { displayName } }));
        const calls: Readonly<Record<string, (() => Promise<unknown>)[]>> = {
          INSERT: [
            () => artists.batchCreateArtists({ requests }),
            () => artists.createArtist({ artist: { displayName: "bad" } }),
          ],
          UPDATE: [
            () => artists.updateArtist({ artist: { name: "artists/1", displayName: "bad" } }),
            () =>
              artists.batchUpdateArtists({
                requests: [
                  { artist: { name: "artists/2", displayName: "x" } },
                  { artist: { name: "artists/1", displayName: "bad" } },
                ],
              }),
          ],
          DELETE: [
            () => artists.deleteArtist({ name: "artists/2" }),
            () => artists.batchDeleteArtists({ requests: [{ name: "artists/2" }] }),
          ],
        };
        for (const call of calls[event] ?? []) {
          expect(await failureOf(call())).toMatchObject({
            code: "FAILED_PRECONDITION",
            reason: "WRITE_REFUSED",
          });
          expect(contentOf(store)).toBe(before);
        }
      });
    }
  }

  test("rolls back fails its own call only, of many that share a transaction", async () => {
    const store = await startFile();
    const artists = store.connection.service(ArtistService);
    store.sql.exec(`CREATE TRIGGER of_somebody AFTER INSERT ON artists
      WHEN NEW.Name = 'bad' BEGIN SELECT RAISE(ROLLBACK, 'no'); END`);
    const names = Array.from({ length: 40 }, (_, i) => (i % 8 === 3 ? "bad" : `a${i}`));
    const answers = await Promise.allSettled(
      names.map((displayName) => artists.createArtist({ artist: { displayName } })),
    );
    const done = answers.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    expect(answers.map(({ status }) => status === "fulfilled")).toEqual(
      names.map((name) => name !== "bad"),
    );
    for (const artist of done) {
      expect(await artists.getArtist({ name: artist.name })).toEqual(artist);
    }
    expect(pluck(store.sql, "SELECT count(*) FROM artists")).toBe(BigInt(done.length + 1));
  });

  test("puts a deleted row back makes the delete fail", async () => {
    const store = await startFile();
    const artists = store.connection.service(ArtistService);
    await artists.createArtist({ artist: { displayName: "x" } });
    store.sql.exec(`CREATE TRIGGER of_somebody AFTER DELETE ON artists BEGIN
      INSERT INTO artists (ArtistId, Name) VALUES (OLD.ArtistId, OLD.Name); END`);
    const before = await artists.getArtist({ name: "artists/2" });
    const failure = await failureOf(artists.deleteArtist({ name: "artists/2" }));
    expect(failure.reason).toBe("WRITE_REFUSED");
    expect(await artists.getArtist({ name: "artists/2" })).toEqual(before);
  });
});

const bigints = (_: string, value: unknown) => (typeof value === "bigint" ? `${value}n` : value);

describe("foreign keys of the file", () => {
  const EMPLOYEE = { familyName: "B", givenName: "A" };

  for (const action of ["CASCADE", "SET NULL", "SET DEFAULT"]) {
    test(`ON DELETE ${action} take nothing with a row that is in use`, async () => {
      const store = await startFile();
      const { connection, sql } = store;
      const employees = connection.service(EmployeeService);
      for (let i = 0; i < 2; i++) await employees.createEmployee({ employee: EMPLOYEE });
      sql.exec("UPDATE customers SET SupportRepId = 1");
      sql.exec("UPDATE employees SET ReportsTo = 1 WHERE EmployeeId = 2");
      const reference = (table: string, key: string) => `REFERENCES ${table} (${key})`;
      for (const [table, target, key] of [
        ["customers", "employees", "EmployeeId"],
        ["employees", "employees", "EmployeeId"],
        ["albums", "artists", "ArtistId"],
        ["tracks", "albums", "AlbumId"],
      ] as const) {
        const old = reference(target, key);
        redefine(store, table, old, `${old} ON DELETE ${action}`);
      }
      const before = contentOf(store);
      for (const call of [
        employees.deleteEmployee({ name: "employees/1" }),
        connection.service(ArtistService).deleteArtist({ name: "artists/1" }),
        connection.service(AlbumService).deleteAlbum({ name: "albums/1" }),
      ]) {
        expect(await failureOf(call)).toMatchObject({ reason: "FOREIGN_KEY" });
        expect(contentOf(store)).toBe(before);
      }
      const { etag } = await getCustomer(store);
      await employees.deleteEmployee({ name: "employees/1", force: true });
      const customer = await getCustomer(store);
      expect(customer.supportRep).toBe("");
      expect(customer.etag).not.toBe(etag);
      expect(await findingsOf(store.database)).toEqual([]);
    });
  }

  test("that do not hold already are no matter to an update of other fields", async () => {
    const store = await startFile();
    const { connection, sql } = store;
    sql.pragma("foreign_keys = OFF");
    sql.exec("UPDATE albums SET ArtistId = 99; UPDATE tracks SET AlbumId = 77");
    const albums = connection.service(AlbumService);
    const album = { name: "albums/1", title: "New" };
    expect(await albums.updateAlbum({ album })).toMatchObject({
      title: "New",
      artist: "artists/99",
    });
    const moved = { name: "albums/1", artist: "artists/98" };
    expect(await failureOf(albums.updateAlbum({ album: moved }))).toMatchObject({
      reason: "FOREIGN_KEY",
    });
  });
});

describe("a table whose key says ON CONFLICT", () => {
  for (const action of ["REPLACE", "IGNORE", "ROLLBACK", "FAIL"]) {
    test(`${action} refuses what is there already`, async () => {
      const store = await startFile();
      redefine(store, "artists", "PRIMARY KEY", `PRIMARY KEY ON CONFLICT ${action}`);
      const artists = store.connection.service(ArtistService);
      const before = contentOf(store);
      const taken = { artist: { displayName: "x" }, artistId: "1" };
      expect(await failureOf(artists.createArtist(taken))).toMatchObject({
        code: "ALREADY_EXISTS",
        resource: "chinook.example.com/Artist artists/1",
      });
      const requests = [{ artist: { displayName: "y" } }, taken];
      expect(await failureOf(artists.batchCreateArtists({ requests }))).toMatchObject({
        code: "ALREADY_EXISTS",
      });
      expect(contentOf(store)).toBe(before);
    });
  }
});

describe("lines without their invoice", () => {
  async function startOrphans(): Promise<FileStore> {
    const store = await startFile();
    store.sql.pragma("foreign_keys = OFF");
    store.sql.exec("UPDATE invoice_items SET InvoiceId = 7 WHERE InvoiceLineId = 1");
    return store;
  }
  const INVOICE = { customer: "customers/1", invoiceTime: { seconds: 1n } };

  test("are another matter than those of an invoice that is there already", async () => {
    const { connection } = await startFile();
    const invoices = connection.service(InvoiceService);
    const call = invoices.createInvoice({ invoice: INVOICE, invoiceId: "1" });
    expect(await failureOf(call)).toMatchObject({ code: "ALREADY_EXISTS" });
  });

  test("are not taken up by a new one of that id", async () => {
    const store = await startOrphans();
    const invoices = store.connection.service(InvoiceService);
    const call = invoices.createInvoice({ invoice: INVOICE, invoiceId: "7" });
    expect(await failureOf(call)).toMatchObject({
      code: "FAILED_PRECONDITION",
      preconditions: ["FOREIGN_KEY invoices/7"],
    });
    // Nor is one with an id of ours.
    const { name, lines } = await invoices.createInvoice({ invoice: INVOICE });
    expect({ name, lines }).toEqual({ name: "invoices/8", lines: [] });
  });

  test("that came to it stay when it is updated without its lines", async () => {
    const store = await startOrphans();
    store.sql.exec(
      "INSERT INTO invoices (InvoiceId, CustomerId, InvoiceDate, Total) VALUES (7, 1, '2026-01-31', 1)",
    );
    const invoices = store.connection.service(InvoiceService);
    const updated = await invoices.updateInvoice({ invoice: { name: "invoices/7", notes: "n" } });
    expect(updated.lines.map(({ lineId }) => lineId)).toEqual([1n]);
    expect(cents(updated.total)).toBe(100n);
    expect(pluck(store.sql, "SELECT count(*) FROM invoice_items WHERE InvoiceId = 7")).toBe(1n);
  });
});

// Kinds of schemas that a served file may have: Chinook's tables under either naming or made by our
// migrations, with what other people add to theirs. A kind is a list of words, so that it can be
// printed, and made smaller.

import { adoptDatabase } from "../../src/chinook/adopt/adopt.ts";
import { readChinookTables } from "../../src/chinook/adopt/tables.ts";
import { openConnection } from "../../src/database/sqlite/connection/connection.ts";
import type { Random } from "../durability/random.ts";
import { migrateUp, readMigrationFiles } from "../support/migrate.ts";
import { CHINOOK_SQL, TABLES } from "./tables.ts";
import { USER_TRIGGERS, type UserTrigger } from "./user-triggers.ts";

/** A kind of schema. */
export interface Kind {
  readonly naming: "ours" | "upstream" | "plural";
  /** Whether triggers and indexes of users are there before the file is adopted. */
  readonly early: boolean;
  /**
   * `trigger NAME`, `unique TABLE.COLUMN`, `index TABLE NUMBER`, `extra TABLE`, `encoding NAME`, `broken values`, and of
   * adopted files `action TABLE.COLUMN TEXT`, `conflict TABLE.COLUMN ACTION`, `key-conflict TABLE
   * ACTION`, `collate TABLE.COLUMN NAME`, `autoincrement TABLE`.
   */
  readonly features: readonly string[];
}

const ACTIONS = [
  "ON DELETE CASCADE",
  "ON DELETE SET NULL",
  "ON UPDATE CASCADE",
  "ON DELETE CASCADE ON UPDATE CASCADE",
  "ON UPDATE SET NULL",
  "ON DELETE RESTRICT",
  "DEFERRABLE INITIALLY DEFERRED",
];
const CONFLICTS = ["REPLACE", "IGNORE", "ROLLBACK", "ABORT", "FAIL"];

/** The columns that users make unique. */
const UNIQUE_COLUMNS = [
  "genres.Name",
  "artists.Name",
  "playlists.Name",
  "tracks.Name",
  "albums.Title",
  "customers.Email",
  "customers.Phone",
  "employees.Email",
  "invoice_items.TrackId",
  "invoice_items.TrackId",
  "invoices.InvoiceDate",
  "media_types.Name",
];

/** Unique indexes that are of more, or of less, than a column. */
const UNIQUE_INDEXES = [
  "artists (lower(Name))",
  "tracks (AlbumId, Name)",
  "customers (Email) WHERE Company IS NULL",
  "invoice_items (InvoiceId, TrackId)",
  "playlists (Name COLLATE NOCASE)",
  "albums (Title COLLATE RTRIM, ArtistId)",
  "employees (LastName, FirstName DESC)",
  "invoices (Total)",
];

const TEXT_COLUMNS = [
  "artists.Name",
  "albums.Title",
  "tracks.Name",
  "tracks.Composer",
  "genres.Name",
  "customers.Email",
  "customers.LastName",
  "employees.City",
];

const REFERENCES = TABLES.flatMap(({ name, columns }) =>
  columns.filter(({ refers }) => refers).map((column) => `${name}.${column.name}`),
);

/** A kind at random; one in six has nothing of its own. */
export function randomKind(random: Random): Kind {
  const naming = random.pick(["ours", "upstream", "plural"] as const);
  const early = random.chance(0.5);
  const some = (most: number, make: () => string) =>
    Array.from({ length: random.below(most + 1) }, make);
  const table = () => random.pick(TABLES.filter(({ key }) => key)).name;
  if (random.chance(1 / 6)) return { naming, early, features: [] };
  const features = [
    ...some(random.pick([3, 8]), () => `trigger ${random.pick(Object.keys(USER_TRIGGERS))}`),
    ...some(2, () => `unique ${random.pick(UNIQUE_COLUMNS)}`),
    ...some(1, () => {
      const number = random.below(UNIQUE_INDEXES.length);
      return `index ${UNIQUE_INDEXES[number]?.split(" ")[0]} ${number}`;
    }),
    ...some(1, () => `extra ${table()}`),
    ...some(1, () => "broken values"),
    ...some(1, () => `encoding ${random.pick(["UTF-16le", "UTF-16be"])}`),
  ];
  const adopted = [
    ...some(3, () => `action ${random.pick(REFERENCES)} ${random.pick(ACTIONS)}`),
    ...some(1, () => `conflict ${random.pick(UNIQUE_COLUMNS)} ${random.pick(CONFLICTS)}`),
    ...some(1, () => `key-conflict ${table()} ${random.pick(CONFLICTS)}`).filter(() =>
      random.chance(0.5),
    ),
    ...some(2, () => `collate ${random.pick(TEXT_COLUMNS)} ${random.pick(["NOCASE", "RTRIM"])}`),
    ...some(1, () => `autoincrement ${table()}`),
  ];
  const all = naming === "ours" ? features : [...features, ...adopted];
  // Of two features about one thing the first counts.
  const subject = (feature: string) => feature.split(" ", 2)[feature.startsWith("enc") ? 0 : 1];
  const seen = new Set<string>();
  const once = all.filter((feature) => {
    const id = `${feature.split(" ", 1)} ${subject(feature)}`;
    return !seen.has(id) && seen.add(id);
  });
  return { naming, early, features: once };
}

/** Makes a file of the kind at `path`, which is managed afterwards. */
export async function makeFile(kind: Kind, path: string): Promise<void> {
  const run = (sql: string) => {
    const connection = openConnection(path, { create: true, busyTimeoutMs: 5_000 });
    connection.pragma("synchronous = OFF");
    connection.pragma("foreign_keys = OFF");
    connection.exec(sql);
    connection.close();
  };
  const lock = { lockTimeoutMs: 15_000 };
  const [encoding] = wordsOf(kind, "encoding");
  const pragma = encoding ? `PRAGMA encoding = '${encoding[0]}';` : "";
  if (kind.naming === "ours") {
    run(`${pragma} CREATE TABLE first (x); DROP TABLE first;`);
    await migrateUp(path, lock);
    run([...SEED_ROWS, ...extrasOf(kind), ...additionsOf(kind)].join(";\n"));
    return;
  }
  const before = [tablesOf(kind), ...SEED_ROWS, ...extrasOf(kind)];
  if (kind.early) before.push(...additionsOf(kind, isEarly));
  const sql = before.join(";\n");
  run(pragma + (kind.naming === "upstream" ? withUpstreamNames(sql) : sql));
  await adoptDatabase(path, lock);
  const later = kind.early ? triggersOf(kind).filter((each) => !isEarly(each)) : undefined;
  run((later?.map(({ sql }) => sql) ?? additionsOf(kind)).join(";\n"));
}

/** What follows the first word of each feature that begins with it. */
function wordsOf({ features }: Kind, first: string): string[][] {
  return features
    .filter((feature) => feature.startsWith(`${first} `))
    .map((feature) => feature.split(" ").slice(1));
}

/** The triggers of users that the kind has. */
export function triggersOf(kind: Kind): readonly (typeof USER_TRIGGERS)[string][] {
  return wordsOf(kind, "trigger").flatMap(([name = ""]) => USER_TRIGGERS[name] ?? []);
}

/** Each column that is declared unique with an action of its own, and the action. */
export function conflictsOf(kind: Kind): readonly string[] {
  return [...wordsOf(kind, "conflict"), ...wordsOf(kind, "key-conflict")].map(
    ([what = "", action = ""]) => `${what.split(".")[0]} ${action}`,
  );
}

function extrasOf(kind: Kind): string[] {
  return wordsOf(kind, "extra").map(
    ([table]) => `ALTER TABLE ${table} ADD COLUMN extra_note TEXT DEFAULT 'mine'`,
  );
}

/** A trigger that knows our columns cannot be there before they are. */
function isEarly({ sql }: UserTrigger): boolean {
  return !/\bdata = /.test(sql);
}

function additionsOf(kind: Kind, has: (trigger: UserTrigger) => boolean = () => true): string[] {
  return [
    "CREATE TABLE user_log (what TEXT, row INTEGER)",
    ...wordsOf(kind, "unique").map(([column = ""]) => {
      const [table, name] = column.split(".");
      return `CREATE UNIQUE INDEX user_${table}_${name} ON ${table} (${name})`;
    }),
    ...wordsOf(kind, "index").map(
      ([, number = ""]) =>
        `CREATE UNIQUE INDEX user_index_${number} ON ${UNIQUE_INDEXES[Number(number)]}`,
    ),
    ...triggersOf(kind)
      .filter(has)
      .map(({ sql }) => sql),
  ];
}

/** The text of Chinook's tables with the clauses of the kind. */
function tablesOf(kind: Kind): string {
  let table = "";
  const clauses = new Map<string, string[]>();
  const add = (column: string, clause: string) =>
    clauses.set(column, [...(clauses.get(column) ?? []), clause]);
  // An action belongs to the reference before it.
  for (const [column = "", ...action] of wordsOf(kind, "action")) add(column, action.join(" "));
  for (const [column = "", name] of wordsOf(kind, "collate")) add(column, `COLLATE ${name}`);
  for (const [column = "", action] of wordsOf(kind, "conflict")) {
    add(column, `UNIQUE ON CONFLICT ${action}`);
  }
  const keyClauses = new Map([
    ...wordsOf(kind, "key-conflict").map(([name, action]) => [name, `ON CONFLICT ${action}`]),
  ] as [string, string][]);
  for (const [name = ""] of wordsOf(kind, "autoincrement")) {
    keyClauses.set(name, `${keyClauses.get(name) ?? ""} AUTOINCREMENT`);
  }
  return CHINOOK_SQL.split("\n")
    .map((line) => {
      table = /^CREATE TABLE (\w+)/.exec(line)?.[1] ?? table;
      const [, name = "", comma = ""] = /^ {2}(\w+) .*?(,?)$/.exec(line) ?? [];
      const own = clauses.get(`${table}.${name}`) ?? [];
      const text = line
        .replace(/,?$/, own.length > 0 ? ` ${own.join(" ")}${comma}` : "$&")
        .replace(/NOT NULL PRIMARY KEY/, `$& ${keyClauses.get(table) ?? ""}`);
      return name === "" ? line : text;
    })
    .join("\n");
}

const UPSTREAM_TABLES = readChinookTables(readMigrationFiles());

function withUpstreamNames(sql: string): string {
  return UPSTREAM_TABLES.reduce(
    (text, { name, upstreamName }) =>
      text.replaceAll(new RegExp(`\\b${name}\\b`, "g"), upstreamName),
    sql,
  );
}

/** A few rows to begin with. */
const SEED_ROWS: readonly string[] = [
  "INSERT INTO genres (GenreId, Name) VALUES (1, 'Pop'), (2, 'Jazz')",
  "INSERT INTO media_types (MediaTypeId, Name) VALUES (1, 'CD'), (2, 'LP')",
  "INSERT INTO artists (ArtistId, Name) VALUES (1, 'Björk'), (2, 'Bo'), (3, NULL)",
  "INSERT INTO albums (AlbumId, Title, ArtistId) VALUES (1, 'Debut', 1), (2, 'Post', 1), (3, 'B', 2)",
  `INSERT INTO tracks (TrackId, Name, AlbumId, MediaTypeId, GenreId, Milliseconds, UnitPrice)
   VALUES (1, 'Human', 1, 1, 1, 5000, 0.99), (2, 'Army', 2, 1, 2, 6001, 1.29),
     (3, 'Alone', NULL, 2, NULL, 1, 1)`,
  `INSERT INTO employees (EmployeeId, LastName, FirstName, ReportsTo, Email)
   VALUES (1, 'A', 'Ada', NULL, 'ada@x'), (2, 'B', 'Bo', 1, 'bo@x')`,
  `INSERT INTO customers (CustomerId, FirstName, LastName, Email, Phone, SupportRepId)
   VALUES (1, 'Cy', 'C', 'cy@x', '1', 1), (2, 'Di', 'D', 'di@x', '2', 2), (3, 'Ed', 'E', 'ed@x', NULL, NULL)`,
  `INSERT INTO invoices (InvoiceId, CustomerId, InvoiceDate, Total)
   VALUES (1, 1, '2021-01-01 00:00:00', 2.28), (2, 2, '2021-01-02 00:00:00', 1)`,
  `INSERT INTO invoice_items (InvoiceLineId, InvoiceId, TrackId, UnitPrice, Quantity)
   VALUES (1, 1, 1, 0.99, 1), (2, 1, 2, 1.29, 1), (3, 2, 3, 1, 1)`,
  "INSERT INTO playlists (PlaylistId, Name) VALUES (1, 'One'), (2, 'Two')",
  "INSERT INTO playlist_track (PlaylistId, TrackId) VALUES (1, 1), (1, 2), (2, 3)",
];

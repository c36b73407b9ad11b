// What SQLite itself can do here: a table like our customers, in this process, with no service around
// it. These are the limits that the service is measured against. Prints one line of JSON.

import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import Database from "better-sqlite3";
import type { RawFigures } from "./results.ts";

const GROUP = 64;
const PAGE = 1_000;
const ROWS = 20_000;

const SCHEMA = `
  CREATE TABLE customers (
    CustomerId INTEGER NOT NULL PRIMARY KEY, FirstName TEXT NOT NULL, LastName TEXT NOT NULL,
    Company TEXT, Address TEXT, City TEXT, State TEXT, Country TEXT, PostalCode TEXT, Phone TEXT,
    Fax TEXT, Email TEXT NOT NULL, SupportRepId INTEGER, status INTEGER NOT NULL DEFAULT 1,
    data TEXT NOT NULL CHECK (json_valid(data)), wire BLOB, revision INTEGER,
    created_at TEXT, updated_at TEXT,
    loyalty_points INTEGER GENERATED ALWAYS AS
      (CAST(json_extract(data, '$.loyalty.points') AS INTEGER)) VIRTUAL
  );
  CREATE INDEX customers_support_rep ON customers (SupportRepId);
  CREATE INDEX customers_email ON customers (Email);
  CREATE INDEX customers_status ON customers (status);
  CREATE INDEX customers_phone ON customers (Phone);
  CREATE INDEX customers_loyalty_points ON customers (loyalty_points);
  CREATE INDEX customers_loyalty_points_order ON customers
    (CASE WHEN json_type(data, '$.loyalty') = 'object' THEN coalesce(loyalty_points, 0) END);
`;

const DATA = JSON.stringify({
  preferences: {
    languageCode: "en-GB",
    newsletter: true,
    favoriteGenres: ["genres/15", "genres/12"],
    quietHours: { startHour: 22, endHour: 7 },
  },
  tags: ["regular", "B-sides"],
  loyalty: { points: "310", joinTime: "2020-12-24T17:45:30Z" },
  attributes: { "crate #": "14", "gift wrap": "brown paper" },
  contactEmail: "customer1@example.com",
});
// As many bytes as a customer's message has.
const WIRE = Buffer.alloc(330, 7);

const { values: flags } = parseArgs({
  options: {
    directory: { type: "string", default: "." },
    seconds: { type: "string", default: "1" },
  },
});
const durationMs = Number(flags.seconds) * 1_000;
const directory = join(flags.directory, "raw-sqlite");

mkdirSync(directory, { recursive: true });
try {
  console.log(JSON.stringify(measureAll(join(directory, "raw.db"))));
} finally {
  rmSync(directory, { recursive: true, force: true });
}

function measureAll(path: string): RawFigures {
  const database = new Database(path);
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = NORMAL");
  database.exec(SCHEMA);
  const insert = database.prepare(`
    INSERT INTO customers (FirstName, LastName, Address, City, State, Country, PostalCode, Phone,
      Email, SupportRepId, data, wire, revision, created_at, updated_at)
    VALUES ('Philippa', 'Wren', '14 Tanner''s Yard', 'Bristol', 'England', 'United Kingdom',
      'BS1 0ZZ', ?, ?, ?, ?, ?, 1, '2026-01-31T12:00:00.000Z', '2026-01-31T12:00:00.000Z')`);
  let inserted = 0;
  const insertOne = () => {
    const n = (inserted++ * 7_919) % 1_000_000;
    insert.run(`+44 117 ${n}`, `customer${n}@example.com`, (n % 8) + 1, DATA, WIRE);
  };
  const insertMany = (count: number) =>
    database.transaction(() => {
      for (let i = 0; i < count; i++) insertOne();
    });
  insertMany(ROWS)();
  const read = database.prepare("SELECT wire FROM customers WHERE CustomerId = ?").pluck();
  const page = database
    .prepare(`SELECT wire FROM customers WHERE CustomerId > ? ORDER BY CustomerId LIMIT ${PAGE}`)
    .pluck();
  const random = (end: number) => Math.floor(Math.random() * end);
  const readOne = () => {
    read.get(1 + random(ROWS));
  };
  const readPage = () => {
    page.all(random(ROWS - PAGE));
  };
  const figures = {
    read: perSecond(readOne),
    readPage: perSecond(readPage),
    insertNormal: perSecond(insertOne),
    insertFull: 0,
    insertGroupFull: 0,
  };
  database.pragma("synchronous = FULL");
  figures.insertFull = perSecond(insertOne);
  figures.insertGroupFull = perSecond(insertMany(GROUP)) * GROUP;
  database.close();
  return figures;
}

function perSecond(operation: () => void): number {
  // A tenth of the time to warm up.
  repeat(operation, durationMs / 10);
  return repeat(operation, durationMs);
}

function repeat(operation: () => void, forMs: number): number {
  const began = performance.now();
  let count = 0;
  let elapsedMs = 0;
  while (elapsedMs < forMs) {
    operation();
    count++;
    elapsedMs = performance.now() - began;
  }
  return Math.round((count / elapsedMs) * 1_000);
}

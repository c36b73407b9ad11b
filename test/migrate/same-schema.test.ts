// The migrations of both databases make the same: tables, columns, keys, references and indexes, so that
// neither set drifts away from the other. What only one of them needs is named here, with the reason.

import { beforeAll, describe, expect, test } from "vitest";
import { CHINOOK_MIGRATIONS, CHINOOK_POSTGRES_MIGRATIONS } from "../../src/chinook/migrations.ts";
import { readMigrationFiles } from "../../src/database/migrations/files.ts";
import { createPostgresMigrator } from "../../src/database/postgres/migrate/migrator.ts";
import { readSchemaObjects } from "../../src/database/postgres/migrate/schema-objects.ts";
import type { Session } from "../../src/database/postgres/session.ts";
import type { Connection } from "../../src/database/sqlite/connection/connection.ts";
import { withMigrated } from "../../src/database/sqlite/migrate/migrated-schema.ts";
import { makeEmptyDatabase } from "../postgres/empty.ts";
import { LOCK } from "./support.ts";

/** Migrations that SQLite's older files needed, and PostgreSQL's do not: they began later. */
const ONLY_SQLITE_MIGRATIONS: Readonly<Record<string, string>> = {
  "000003_requests": "the store's own files make these tables",
  "000006_outside_writes": "the triggers of 000002_resources are right at once",
  "000007_checksums": "000002_resources has the column at once",
  "000008_schemas": "columns are not derived anew for other descriptors yet",
  "000009_values": "the expressions of 000005_indexes are right at once",
};

/** Tables, and indexes of others, that one of the databases needs alone. */
const OWN_TABLES: readonly RegExp[] = [
  // Each database has an index of its own for searches.
  /^tracks?_search/,
  // Where migrations are recorded.
  /^(?:schema|store)_migrations/,
  // Only SQLite's REPLACE deletes rows without a word to the triggers of DELETE.
  /^store_replaced$/,
  // Columns are not derived anew in PostgreSQL yet.
  /^(?:stored_schemas|schema_state)$/,
];

/** Columns that SQLite needs alone. */
const OWN_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  // PostgreSQL has a setting of the transaction for it.
  store_state: ["writing"],
};

interface Table {
  /** `bigint NOT NULL DEFAULT`, by the name in lower case. */
  readonly columns: Readonly<Record<string, string>>;
  readonly primaryKey: readonly string[];
  readonly uniques: readonly string[];
  readonly references: readonly string[];
}

interface Schema {
  readonly tables: Readonly<Record<string, Table>>;
  /** What each key of an index is made of: columns, and paths into the JSON; by its name in lower case. */
  readonly indexes: Readonly<Record<string, string>>;
}

const TYPES: readonly (readonly [RegExp, string])[] = [
  [/^INTEGER$/, "bigint"],
  [/^NUMERIC/, "double precision"],
  [/^(?:NVARCHAR|DATETIME|TEXT)/, "text"],
  [/^BLOB$/, "bytea"],
];

function typeOf(name: string, declared: string): string {
  if (name === "data") return "json";
  return TYPES.find(([pattern]) => pattern.test(declared))?.[1] ?? declared;
}

function describeColumn(type: string, isRequired: boolean, hasDefault: boolean): string {
  return `${type}${isRequired ? " NOT NULL" : ""}${hasDefault ? " DEFAULT" : ""}`;
}

function isShared(table: string): boolean {
  return !OWN_TABLES.some((pattern) => pattern.test(table));
}

/** The columns and paths that an expression reads. `generated` are SQLite's computed columns, with theirs. */
function sourcesOf(
  expression: string,
  columns: readonly string[],
  generated: ReadonlyMap<string, string> = new Map(),
): string {
  const paths = [
    ...[...expression.matchAll(/'\$\.([\w.]+)'/g)].map(([, path = ""]) => path),
    ...[...expression.matchAll(/data( -> '\w+'::text(?:\)? -> '\w+'::text)*)/g)].map(
      ([, steps = ""]) => [...steps.matchAll(/'(\w+)'/g)].map(([, step]) => step).join("."),
    ),
  ];
  const words = new Set(
    expression
      .toLowerCase()
      .replace(/'[^']*'/g, "")
      .match(/\w+/g),
  );
  const read = columns.filter((name) => name !== "data" && words.has(name));
  const computed = [...generated].flatMap(([name, of]) => (words.has(name) ? of.split("+") : []));
  return [...new Set([...paths, ...read, ...computed])].sort().join("+");
}

function byName<T>(entries: Iterable<readonly [string, T]>): Record<string, T> {
  return Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function readSqlite(connection: Connection): Schema {
  const all = <T>(sql: string, ...parameters: string[]) =>
    connection.prepare(sql).all(...parameters) as T[];
  const tables: [string, Table][] = [];
  const indexes: [string, string][] = [];
  const found = all<{ name: string; sql: string }>(
    "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
  );
  for (const { name: table, sql } of found.filter(({ name }) => isShared(name))) {
    const columns = all<{
      name: string;
      type: string;
      notnull: bigint;
      dflt: unknown;
      pk: bigint;
      hidden: bigint;
    }>(
      'SELECT lower(name) AS name, type, "notnull", dflt_value AS dflt, pk, hidden FROM pragma_table_xinfo(?)',
      table,
    ).filter(({ name }) => !OWN_COLUMNS[table]?.includes(name));
    const stored = columns.filter(({ hidden }) => hidden === 0n);
    const names = stored.map(({ name }) => name);
    const generated = new Map(
      columns
        .filter(({ hidden }) => hidden !== 0n)
        .map(({ name }) => {
          const text = new RegExp(`\\b${name}\\b[^(]*GENERATED ALWAYS AS (.*?) VIRTUAL`, "is").exec(
            sql,
          );
          return [name, sourcesOf(text?.[1] ?? "", names)] as const;
        }),
    );
    tables.push([
      table,
      {
        columns: byName(
          stored.map(({ name, type, notnull, dflt, pk }) => [
            name,
            describeColumn(typeOf(name, type), notnull === 1n || pk > 0n, dflt !== null),
          ]),
        ),
        primaryKey: stored
          .filter(({ pk }) => pk > 0n)
          .sort((a, b) => Number(a.pk - b.pk))
          .map(({ name }) => name),
        uniques: all<{ list: string }>(
          `SELECT (SELECT group_concat(lower(name), ',') FROM pragma_index_info(l.name)) AS list
           FROM pragma_index_list(?) AS l WHERE origin = 'u' ORDER BY 1`,
          table,
        ).map(({ list }) => list),
        references: all<{ text: string }>(
          `SELECT group_concat(lower("from"), ',') || ' to ' || "table" || ' (' || group_concat(lower("to"), ',') ||
             ') ' || on_delete AS text
           FROM pragma_foreign_key_list(?) GROUP BY id`,
          table,
        )
          .map(({ text }) => text)
          .sort(),
      },
    ]);
    const made = all<{ name: string; unique: bigint; sql: string }>(
      `SELECT l.name, l."unique", s.sql FROM pragma_index_list(?) AS l JOIN sqlite_schema AS s ON s.name = l.name
       WHERE l.origin = 'c' AND s.type = 'index'`,
      table,
    );
    for (const { name, unique, sql: text } of made.filter((each) => isShared(each.name))) {
      const keys = all<{ name: string | null }>(
        "SELECT lower(name) AS name FROM pragma_index_xinfo(?) WHERE key = 1",
        name,
      ).map((key) => sourcesOf(key.name ?? text.slice(text.indexOf("(")), names, generated));
      indexes.push([name.toLowerCase(), describeIndex(table, unique === 1n, keys)]);
    }
  }
  return { tables: byName(tables), indexes: byName(indexes) };
}

function describeIndex(table: string, isUnique: boolean, keys: readonly string[]): string {
  return `${isUnique ? "unique " : ""}on ${table} (${keys.join(", ")})`;
}

const ON_DELETE: Readonly<Record<string, string>> = {
  a: "NO ACTION",
  r: "RESTRICT",
  c: "CASCADE",
  n: "SET NULL",
  d: "SET DEFAULT",
};

async function readPostgres({ all }: Session): Promise<Schema> {
  const rows = async (sql: string) =>
    (await all({ sql, parameters: [] })).map((row) => row.map(String));
  const columns = await rows(
    "SELECT relname, attname, format_type(atttypid, atttypmod), attnotnull::text, atthasdef::text " +
      "FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid " +
      "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped",
  );
  const namesOf = (list: string) =>
    `(SELECT string_agg(attname, ',' ORDER BY place) FROM unnest(${list}) WITH ORDINALITY AS k (num, place) ` +
    "JOIN pg_attribute ON attnum = num AND attrelid = ";
  const constraints = await rows(
    `SELECT conrelid::regclass::text, contype, ${namesOf("conkey")} conrelid), confrelid::regclass::text, ` +
      `${namesOf("confkey")} confrelid), confdeltype FROM pg_constraint ` +
      "WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'f', 'u')",
  );
  const tables = [...Map.groupBy(columns, ([table = ""]) => table)]
    .filter(([table]) => isShared(table))
    .map(([table, own]): [string, Table] => {
      const keys = constraints.filter(([name]) => name === table);
      return [
        table,
        {
          columns: byName(
            own.map(([, name = "", type = "", isRequired, hasDefault]) => [
              name,
              describeColumn(type, isRequired === "true", hasDefault === "true"),
            ]),
          ),
          primaryKey: keys.flatMap(([, type, list = ""]) => (type === "p" ? list.split(",") : [])),
          uniques: keys.flatMap(([, type, list = ""]) => (type === "u" ? [list] : [])).sort(),
          references: keys
            .filter(([, type]) => type === "f")
            .map(
              ([, , from, other, to, action = ""]) =>
                `${from} to ${other} (${to}) ${ON_DELETE[action]}`,
            )
            .sort(),
        },
      ];
    });
  const keys = await rows(
    "SELECT t.relname, i.relname, indisunique::text, pg_get_indexdef(indexrelid, place::int, true) " +
      "FROM pg_index JOIN pg_class AS i ON i.oid = indexrelid JOIN pg_class AS t ON t.oid = indrelid, " +
      "generate_series(1, indnkeyatts) AS place " +
      "WHERE i.relnamespace = 'public'::regnamespace " +
      "AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u')) " +
      "ORDER BY indexrelid, place",
  );
  const shapes = new Map(tables);
  const indexes = [...Map.groupBy(keys, ([, name = ""]) => name)].flatMap(
    ([name, own]): [string, string][] => {
      const [table = "", , isUnique] = own[0] ?? [];
      const shape = shapes.get(table);
      if (!shape || !isShared(name)) return [];
      const known = Object.keys(shape.columns);
      const sources = own.map(([, , , text = ""]) => sourcesOf(text, known));
      // SQLite's indexes end in the row's key without a word.
      const isEndedByKey = sources.length > 1 && sources.at(-1) === shape.primaryKey.join();
      const said = isEndedByKey ? sources.slice(0, -1) : sources;
      return [[name, describeIndex(table, isUnique === "true", said)]];
    },
  );
  return { tables: byName(tables), indexes: byName(indexes) };
}

const sqliteFiles = readMigrationFiles(CHINOOK_MIGRATIONS);
const postgresFiles = readMigrationFiles(CHINOOK_POSTGRES_MIGRATIONS);

test("a migration has the same number and name for both", () => {
  const [inSqlite, inPostgres] = [sqliteFiles, postgresFiles].map((files) =>
    files.map(({ name }) => name),
  );
  expect(inPostgres?.filter((name) => !inSqlite?.includes(name))).toEqual([]);
  const missing = inSqlite?.filter((name) => !inPostgres?.includes(name)) ?? [];
  expect(missing.filter((name) => ONLY_SQLITE_MIGRATIONS[name] === undefined)).toEqual([]);
});

describe("what they make", () => {
  const sqlite = withMigrated(sqliteFiles, readSqlite);
  let postgres: Schema;
  let pairs: readonly { readonly name: string; readonly isTakenBack: boolean }[];

  beforeAll(async () => {
    const empty = await makeEmptyDatabase();
    const migrator = createPostgresMigrator(empty.url, { ...LOCK, files: postgresFiles });
    const text = async () => JSON.stringify(await readSchemaObjects(empty.other));
    await migrator.up({ target: 0n });
    const seen = [];
    for (const { name, version } of postgresFiles) {
      const before = await text();
      await migrator.up({ target: version });
      await migrator.down({});
      seen.push({ name, isTakenBack: (await text()) === before });
      await migrator.up({ target: version });
    }
    pairs = seen;
    postgres = await readPostgres(empty.other);
    await empty.drop();
  });

  test("is read: eleven tables of Chinook, and a path of each kind", () => {
    expect(Object.keys(sqlite.tables).length).toBeGreaterThanOrEqual(15);
    expect(sqlite.indexes).toMatchObject({
      customers_loyalty_points_order: "on customers (loyalty+loyalty.points)",
      invoices_invoice_time: "on invoices (invoicedate)",
      artists_region_code: "on artists (regionCode)",
    });
    expect(sqlite.tables.albums?.references).toEqual(["artistid to artists (artistid) NO ACTION"]);
  });

  test("is the same tables, columns, keys and references", () => {
    expect(postgres.tables).toEqual(sqlite.tables);
  });

  test("is the same indexes, by name, table, and what they are of", () => {
    expect(postgres.indexes).toEqual(sqlite.indexes);
  });

  test("each down file takes back what its up file did", () => {
    expect(pairs.filter(({ isTakenBack }) => !isTakenBack)).toEqual([]);
    expect(pairs.length).toBe(postgresFiles.length);
  });
});

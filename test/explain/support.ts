// What the tests of indexes and explanations share: a migrated database, with the fixtures or with
// many rows, and the statements that List runs on it.

import { join } from "node:path";
import { onTestFinished } from "vitest";
import { CHINOOK } from "../../src/chinook/program.ts";
import { CHINOOK_RESOURCES, RESOURCES } from "../../src/chinook/resources.ts";
import type { Database } from "../../src/database/database.ts";
import type { TableFacts } from "../../src/database/sql/filter/source.ts";
import { compileList } from "../../src/database/sql/list-statements.ts";
import type { Statement } from "../../src/database/sql/statements.ts";
import { readTableFacts } from "../../src/database/sql/table-facts.ts";
import {
  type Connection,
  openConnection,
} from "../../src/database/sqlite/connection/connection.ts";
import { dialectOf } from "../../src/database/sqlite/dialect/sqlite-dialect.ts";
import { describeTables } from "../../src/database/sqlite/inspect/describe.ts";
import { openSqlite } from "../../src/database/sqlite/sqlite-database.ts";
import { loadFixtures } from "../../src/fixtures.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { checkList, type ListText } from "../../src/repositories/list.ts";
import { planResources, type ResourcePlan } from "../../src/schema/plan.ts";
import { registryOf } from "../../src/schema/registry.ts";
import { makeMigrated } from "../support/migrated.ts";
import { tempDir } from "../support/temp.ts";

export const PLANS = planResources(RESOURCES);
export const REGISTRY = registryOf(RESOURCES.map(({ resource }) => resource));

/** Each declared field with the plan that declares it. */
export const INDEXED = PLANS.flatMap((plan) =>
  plan.indexedFields.map((path) => ({ plan, path, title: `${plan.desc.name}.${path}` })),
);

/** A migrated database. */
export interface Migrated {
  readonly path: string;
  readonly database: Database;
  /** A connection of the test's own, which may write. */
  readonly connection: Connection;
}

/** A new database without rows, closed and gone when the test is over. */
export async function migrated(): Promise<Migrated> {
  const path = join(tempDir(), "test.db");
  await makeMigrated(path);
  const options = { path, readOnly: false, registry: REGISTRY };
  const database = openSqlite({
    ...options,
    definitions: CHINOOK_RESOURCES.definitions,
    limits: DEFAULT_LIMITS,
  });
  const connection = openConnection(path, { busyTimeoutMs: 1_000 });
  onTestFinished(async () => {
    connection.close();
    await database.close();
  });
  return { path, database, connection };
}

/** Loads the fixtures. */
export async function fill({ database }: Migrated): Promise<void> {
  await loadFixtures(database, PLANS, REGISTRY, CHINOOK.fixtures, CHINOOK.linkFixtures);
}

/** Adds rows to each table with declared fields until it has `count`, with values of all kinds. */
export function multiply({ connection }: Migrated, count: number): void {
  const upTo = `WITH RECURSIVE n (i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < ${999 + count})`;
  connection.exec(`
    BEGIN;
    UPDATE store_state SET writing = 1;
    INSERT OR IGNORE INTO media_types (MediaTypeId, Name) VALUES (1, 'file');
    ${upTo} INSERT INTO artists (ArtistId, Name, data)
      SELECT i, 'artist ' || i, json_object('regionCode', 'R' || (i % 250)) FROM n;
    ${upTo} INSERT INTO albums (AlbumId, Title, ArtistId, data)
      SELECT i, 'album ' || i, 1000 + i % 50, json_object('label', 'label ' || (i % 500), 'upc', 'upc' || i) FROM n;
    ${upTo} INSERT INTO tracks (TrackId, Name, AlbumId, MediaTypeId, Milliseconds, UnitPrice, data)
      SELECT i, 'track ' || i, i, 1, 1000, 0.99, json_object('isrc', 'isrc' || i, 'bpm', 60 + i % 140 / 2.0) FROM n;
    ${upTo} INSERT INTO playlists (PlaylistId, Name, data)
      SELECT i, 'list ' || i, CASE i % 4 WHEN 0 THEN '{}' ELSE json_object('visibility',
        CASE i % 4 WHEN 1 THEN 'PRIVATE' WHEN 2 THEN 'UNLISTED' ELSE 'PUBLIC' END) END FROM n;
    ${upTo} INSERT INTO customers (CustomerId, FirstName, LastName, Email, Phone, status, data)
      SELECT i, 'a', 'b', i || '@example.com', '+' || i, i % 4,
        json_object('loyalty', json_object('points', CAST(i * 1000003 % 9007 AS TEXT))) FROM n;
    ${upTo} INSERT INTO genres (GenreId, Name) SELECT i, 'genre ' || i FROM n;
    ${upTo} INSERT INTO invoices (InvoiceId, CustomerId, InvoiceDate, Total)
      SELECT i, 1000 + i % 100, datetime('2020-01-01', '+' || i || ' hours'), 1 FROM n;
    UPDATE store_state SET writing = 0;
    COMMIT;
  `);
}

/** What List knows of the table. */
export function factsOf(connection: Connection, plan: ResourcePlan): TableFacts {
  return readTableFacts(plan, describeTables(connection), dialectOf(connection));
}

/** The statement of a List's first page, as List itself makes it. */
export function listStatement(
  connection: Connection,
  plan: ResourcePlan,
  list: ListText,
): Statement {
  const page = { pageSize: 50, skip: 0 };
  return compileList(checkList(plan, list), factsOf(connection, plan)).first(page);
}

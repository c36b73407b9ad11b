// How large a database file is, and how well its pages are used.
// Must not hold up calls: what reads every page is read by somebody else.

import { statSync } from "node:fs";
import { StoreError } from "../../../errors.ts";
import type { Database } from "../../database.ts";
import type { MaintenanceFigures, PageUse } from "../../maintenance.ts";
import { type Connection, readPragma } from "../connection/connection.ts";

const HAS_STATISTICS = "SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_stat1'";
const INDEX_COUNT = "SELECT count(*) FROM sqlite_schema WHERE type = 'index'";
const ANALYZED_COUNT =
  "SELECT count(DISTINCT idx) FROM sqlite_stat1 WHERE idx IN (SELECT name FROM sqlite_schema WHERE type = 'index')";
/** Each page of the file is read. Those of a tree are in order by their path. */
const PAGE_USE = `
  WITH pages AS (
    SELECT name, pgsize, unused, pageno,
      lag(pageno) OVER (PARTITION BY name, pagetype ORDER BY path) AS previous
    FROM dbstat
  ),
  indexes AS (SELECT name FROM sqlite_schema WHERE type = 'index')
  SELECT
    coalesce(sum(CASE WHEN name IN indexes THEN 0 ELSE pgsize END), 0),
    coalesce(sum(CASE WHEN name IN indexes THEN pgsize ELSE 0 END), 0),
    coalesce(sum(unused), 0),
    coalesce(sum(previous IS NOT NULL AND pageno <> previous + 1), 0)
  FROM pages`;

/** The figures of the file that `connection` has open; `scans` reads its pages. */
export async function measureFile(
  connection: Connection,
  scans: Pick<Database, "read">,
  signal: AbortSignal,
): Promise<MaintenanceFigures> {
  const integer = (pragma: string) => readPragma(connection, pragma) as bigint;
  const path = connection.name;
  return {
    pageSizeBytes: integer("page_size"),
    pageCount: integer("page_count"),
    freePageCount: integer("freelist_count"),
    fileBytes: sizeOf(path),
    logBytes: sizeOf(`${path}-wal`),
    use: await measureUse(connection, scans, signal),
  };
}

async function measureUse(
  connection: Connection,
  scans: Pick<Database, "read">,
  signal: AbortSignal,
): Promise<PageUse | undefined> {
  const count = (sql: string) => connection.prepare(sql).pluck().get() as bigint;
  try {
    // In a reader thread: it takes long, and calls are answered in this one.
    const { rows } = await scans.read([{ sql: PAGE_USE, parameters: [] }], { signal });
    const [tableBytes = 0n, indexBytes = 0n, unusedBytes = 0n, scatteredPageCount = 0n] =
      (rows[0]?.[0] ?? []) as bigint[];
    return {
      tableBytes,
      indexBytes,
      unusedBytes,
      scatteredPageCount,
      indexCount: count(INDEX_COUNT),
      analyzedIndexCount: count(HAS_STATISTICS) === 0n ? 0n : count(ANALYZED_COUNT),
    };
  } catch (error) {
    signal.throwIfAborted();
    // It may take longer than a read may, or too many others may wait: the rest is done all the same.
    if (error instanceof StoreError) return undefined;
    throw error;
  }
}

function sizeOf(path: string): bigint {
  return BigInt(statSync(path, { throwIfNoEntry: false })?.size ?? 0);
}

// The care of the search's index: whether every track has its entry and no other is there, and how it is made
// anew. Triggers keep it in step; the SQL is in search-sql.ts.

import type { Database, Operation } from "../../database/database.ts";
import type { Finding } from "../../database/finding.ts";
import type { DerivedIndex } from "../../definition.ts";
import { StoreError } from "../../errors.ts";
import { INT64_MAX, INT64_MIN, type Row } from "../../schema/sql-value.ts";
import { SEARCH_SQL } from "./search-drivers.ts";

const INDEX = "track_search";
const PAGE_ROWS = 500n;

/** What is wrong with the index: its own pages, entries that are missing or differ, or too many. */
export async function checkSearchIndex(database: Database): Promise<Finding[]> {
  try {
    const { rows } = await database.read(SEARCH_SQL[database.driver].wholeCheck);
    const problems = (rows.at(-1) ?? []).map(([problem]) => String(problem));
    // What is in broken pages says nothing; rebuilding mends everything at once.
    if (problems.length > 0) return problems.map((problem) => finding(INDEX, problem));
    return [...(await checkEntries(database)), ...(await checkForStrays(database))];
  } catch (error) {
    if (!(error instanceof StoreError && error.code === "DATABASE_CORRUPT")) throw error;
    return [finding(INDEX, "cannot be read")];
  }
}

function finding(subject: string, problem: string): Finding {
  return { kind: "index", subject, problem };
}

/** Each track must have its entry. */
async function checkEntries(database: Database): Promise<Finding[]> {
  const findings: Finding[] = [];
  const { selectEntries } = SEARCH_SQL[database.driver];
  for await (const [id, isMissing, isEqual] of readPages(database, selectEntries)) {
    const subject = `tracks/${id}`;
    if (isMissing === 1n) findings.push(finding(subject, "is missing in the search index"));
    else if (isEqual !== 1n) findings.push(finding(subject, "differs in the search index"));
  }
  return findings;
}

/** No entry may be there without its track. */
async function checkForStrays(database: Database): Promise<Finding[]> {
  const findings: Finding[] = [];
  const { selectOwners } = SEARCH_SQL[database.driver];
  for await (const [id, hasTrack] of readPages(database, selectOwners)) {
    const problem = `has an entry for tracks/${id}, which does not exist`;
    if (hasTrack !== 1n) findings.push(finding(INDEX, problem));
  }
  return findings;
}

/** The rows of a statement whose first column is the key from which its parameters let it begin. */
async function* readPages(database: Database, sql: string): AsyncGenerator<Row> {
  for (let from: bigint | undefined = INT64_MIN; from !== undefined; ) {
    const { rows } = await database.read([{ sql, parameters: [from, PAGE_ROWS] }]);
    const [page = []]: readonly (readonly Row[])[] = rows;
    yield* page;
    const last = page.at(-1)?.[0] as bigint | undefined;
    from = last === undefined || last === INT64_MAX ? undefined : last + 1n;
  }
}

/**
 * Fills the index anew from the rows, in one commit.
 * @throws StoreError READ_ONLY_MODE, DATABASE_BUSY
 */
export async function rebuildSearchIndex(database: Database): Promise<{ revision: bigint }> {
  const { revision } = await database.commit(
    SEARCH_SQL[database.driver].rebuild.map(
      (sql): Operation => ({ kind: "execute", statement: { sql, parameters: [] } }),
    ),
  );
  return { revision };
}

/** The index as `verify` sees it. */
export const SEARCH_INDEX: DerivedIndex = {
  name: "search index",
  table: INDEX,
  check: checkSearchIndex,
  rebuild: rebuildSearchIndex,
};

// What a statement is called where it is told of: what it does, and to which table.
// Must not have a value in it, nor more than that: it is a label of figures.

const VERB = /^\s*(\w+)/;
const TABLES = /\b(?:FROM|INTO|UPDATE|JOIN)\s+"?(\w+)/gi;

/** What statements look at beside the table that they are for. */
const BESIDE = new Set(["store_state", "json_each", "unnest"]);

/** Such as `SELECT books`: as many names as there are verbs and tables. */
export function nameOf(sql: string): string {
  const verb = VERB.exec(sql)?.[1]?.toUpperCase() ?? "";
  const tables = [...sql.matchAll(TABLES)].map(([, table]) => table ?? "");
  const table = tables.find((each) => !BESIDE.has(each)) ?? tables[0];
  return table === undefined ? verb : `${verb} ${table}`;
}

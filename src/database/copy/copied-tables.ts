// Which tables and columns are copied, and what of a database is not.
// Reads how tables are made, and no rows.

import { StoreError } from "../../errors.ts";
import { isStoreTable, type ResourcePlan, SYSTEM_COLUMNS } from "../../schema/plan.ts";
import type { CopiedTable, CopyEnd } from "./copy-ends.ts";

/** The store's own tables that go with the rows. */
export const STORE_TABLES: readonly CopiedTable[] = [
  table("id_high_water", ["table_name"], ["last_id"]),
  table("store_secrets", ["name"], ["value"]),
  table("completed_requests", ["request_id"], ["digest", "revision", "messages", "completed_at"]),
  table("stored_schemas", ["hash"], ["image", "stored_at"]),
];

function table(name: string, keys: readonly string[], others: readonly string[]): CopiedTable {
  return { name, keys, columns: [...keys, ...others] };
}

/** The tables of the plans, in which a copy must find no rows. */
export function tablesOfPlans(plans: readonly ResourcePlan[]): readonly string[] {
  const all = plans.flatMap((plan) => [plan, ...plan.children, ...plan.links]);
  return [...new Set(all.map(({ table: name }) => name))];
}

/**
 * Those of the plans, the store's own last.
 * @throws StoreError NOT_COPYABLE for a link table whose rows cannot be told apart, or is another one.
 */
export async function copiedTables(
  plans: readonly ResourcePlan[],
  source: CopyEnd,
  target: CopyEnd,
): Promise<readonly CopiedTable[]> {
  const resources = plans.map((plan) => ({
    ...table(plan.table, [plan.key], [...SYSTEM_COLUMNS, ...plan.columns.map(({ name }) => name)]),
    plan,
  }));
  const children = plans
    .flatMap((plan) => plan.children)
    .map((child) =>
      table(
        child.table,
        [child.key],
        [child.parentKey, "data", ...child.columns.map(({ name }) => name)],
      ),
    );
  const names = new Set(plans.flatMap(({ links }) => links.map((link) => link.table)));
  const known = new Set([...resources, ...children].map(({ name }) => name.toLowerCase()));
  const links: CopiedTable[] = [];
  for (const name of names) {
    if (!known.has(name.toLowerCase())) links.push(await linkTable(name, source, target));
  }
  return [...resources, ...children, ...links, ...STORE_TABLES];
}

async function linkTable(name: string, source: CopyEnd, target: CopyEnd): Promise<CopiedTable> {
  const [from, to] = await Promise.all([source.describe(name), target.describe(name)]);
  const { columns = [], primaryKey = [] } = from ?? {};
  if (primaryKey.length === 0) {
    throw notCopyable(`${name} has no primary key, by which its rows could be told apart`);
  }
  const [here, there] = [columns, to?.columns ?? []].map((all) => all.map(lowerCase).sort().join());
  if (here !== there) {
    throw notCopyable(`${name} has the columns ${here} in the one database, ${there} in the other`);
  }
  return { name, keys: primaryKey, columns };
}

/** What of the source no resource has, a line each. */
export async function findLeftOut(
  source: CopyEnd,
  tables: readonly CopiedTable[],
  derived: readonly string[],
): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const { name, columns } of tables) {
    if (isStoreTable(name)) continue;
    const known = new Set(columns.map(lowerCase));
    const shape = await source.describe(name);
    const others = (shape?.columns ?? []).filter((column) => !known.has(column.toLowerCase()));
    lines.push(...others.map((column) => `the column ${column} of ${name}`));
  }
  const known = new Set([...tables.map(({ name }) => name), ...derived].map(lowerCase));
  const others = (await source.tables()).filter(
    (name) => !known.has(name.toLowerCase()) && !isStoreTable(name),
  );
  return [...lines, ...others.map((name) => `the table ${name}`)];
}

export function notCopyable(message: string): StoreError {
  return new StoreError("NOT_COPYABLE", message);
}

function lowerCase(text: string): string {
  return text.toLowerCase();
}

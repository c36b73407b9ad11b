// What the tests of filters and orders compile: text → SQL, as List does it in two steps, first checked
// and then made SQL by the database.

import { toSql } from "../../src/database/sql/filter/condition.ts";
import type { Fragment } from "../../src/database/sql/filter/fragment.ts";
import type { TableFacts } from "../../src/database/sql/filter/source.ts";
import {
  type CompiledOrder,
  compileOrder as compileTerms,
} from "../../src/database/sql/order/compile.ts";
import { sqliteDialect } from "../../src/database/sqlite/dialect/sqlite-dialect.ts";
import { checkFilter } from "../../src/query/filter/checker.ts";
import { checkOrder } from "../../src/query/order/checker.ts";
import type { ResourcePlan } from "../../src/schema/plan.ts";

/** What tables are in that say nothing else. */
const UTF8 = sqliteDialect("UTF-8");

/** A filter as SQL. */
export interface CompiledFilter {
  /** A condition on rows of the plan's table, which must be named by its own name; never empty. */
  readonly where: string;
  readonly parameters: Fragment["parameters"];
  /** The paths that are restricted, as they were written. */
  readonly fields: readonly string[];
}

export function compileFilter(
  plan: ResourcePlan,
  text: string,
  facts: Partial<TableFacts> = {},
): CompiledFilter {
  const { condition, fields } = checkFilter(plan, text);
  if (!condition) return { where: "TRUE", parameters: [], fields };
  const { sql, parameters } = toSql(plan, condition, { dialect: UTF8, ...facts });
  return { where: sql, parameters, fields };
}

/** An order as SQL, and the paths that are sorted by, as they were written. */
export function compileOrder(
  plan: ResourcePlan,
  text: string,
  facts: Partial<TableFacts> = {},
): CompiledOrder & { readonly fields: readonly string[] } {
  const terms = checkOrder(plan, text);
  return {
    ...compileTerms(plan, terms, { dialect: UTF8, ...facts }),
    fields: terms.map(({ path }) => path),
  };
}

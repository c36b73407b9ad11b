// Filters of List requests (AIP-160): text → WHERE condition. The grammar and the meaning are in
// docs/filtering.md. Pure: runs no SQL.

import type { ResourcePlan } from "../../schema/plan.ts";
import type { SqlValue } from "../../schema/sql-value.ts";
import { checkFilter } from "./checker.ts";
import { parseFilter } from "./parser.ts";
import type { TableFacts } from "./source.ts";
import { toSql } from "./sql.ts";

/** A filter as SQL. */
export interface CompiledFilter {
  /** A condition on rows of the plan's table, which must be named by its own name; never empty. */
  readonly where: string;
  /** In the order of their marks in `where`. */
  readonly parameters: readonly SqlValue[];
  /** The paths that are restricted, as they were written. */
  readonly fields: readonly string[];
}

/**
 * Compiles a filter; an empty one is true for all rows.
 * @throws StoreError INVALID_FIELD, for `filter`, naming position, field and reason.
 */
export function compileFilter(
  plan: ResourcePlan,
  text: string,
  facts: TableFacts = {},
): CompiledFilter {
  const { root } = parseFilter(text);
  if (!root) return { where: "TRUE", parameters: [], fields: [] };
  const { condition, fields } = checkFilter(plan, text, root);
  const { sql, parameters } = toSql(plan, condition, facts);
  return { where: sql, parameters, fields };
}

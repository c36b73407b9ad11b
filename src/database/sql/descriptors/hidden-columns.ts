// Takes the bytes from rows that lack what a column of theirs holds: a field that no server has known
// before may have a column that was there already. Such rows are read from their columns again.
// Writes nothing that clients see but the field.

import type { FileRegistry } from "@bufbuild/protobuf";
import { compareResource } from "../../../schema/compatibility.ts";
import type { ResourcePlan } from "../../../schema/plan.ts";
import { sqlName } from "../../../schema/sql-name.ts";
import type { Statement } from "../statements.ts";
import { condition } from "./derivation.ts";
import type { DescriptorSource } from "./schema-store.ts";

/**
 * The statements that take the bytes of rows from which they hide a column, if a server with any of the
 * `stored` descriptors may have written them.
 */
export function uncoverColumns(
  source: DescriptorSource,
  plans: readonly ResourcePlan[],
  stored: readonly FileRegistry[],
): readonly Statement[] {
  return plans.flatMap((plan) => {
    const known = stored.flatMap((types) => compareResource(plan, types) ?? []);
    const [first, ...others] = known.map(
      ({ added }) => new Map(added.map((part) => [`${part.subject} ${part.column}`, part])),
    );
    const parts = [...(first ?? [])]
      .filter(([name]) => others.every((parts) => parts.has(name)))
      .flatMap(([, { column, table }]) => (column === undefined ? [] : [{ column, table }]));
    return parts.length === 0 ? [] : [takeBytes(source, plan, parts)];
  });
}

interface Part {
  readonly column: string;
  readonly table: string;
}

/** Rows with unknown fields are left: the field may be among those, and they are derived anew. */
function takeBytes(
  source: DescriptorSource,
  plan: ResourcePlan,
  parts: readonly Part[],
): Statement {
  const { table, key } = plan.sql;
  const filled = parts.map((part) => {
    const column = sqlName(part.column);
    const child = plan.children.find((each) => each.table === part.table);
    if (!child) return `${table}.${column} IS NOT NULL`;
    return (
      `EXISTS (SELECT 1 FROM ${child.sql.table} AS lines ` +
      `WHERE lines.${sqlName(child.parentKey)} = ${table}.${key} AND lines.${column} IS NOT NULL)`
    );
  });
  return {
    sql:
      `UPDATE ${table} SET wire = NULL, checksum = NULL WHERE wire IS NOT NULL ` +
      `AND (${filled.join(" OR ")}) AND NOT ${condition(source, { plan, rows: "marked" })}`,
    parameters: [],
  };
}

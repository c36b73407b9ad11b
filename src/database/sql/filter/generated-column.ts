// What a generated column must have so that filters and orders use it, and its index, in place of
// the field that it is made from. Migrations are written from this; nothing here runs SQL.

import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { shapeInTable } from "../../../query/filter/place.ts";
import type { ResourcePlan } from "../../../schema/plan.ts";
import type { Dialect } from "../dialect.ts";
import { comparable } from "./comparable.ts";
import { enterField, type Source } from "./source.ts";

/** A generated column for a field. */
export interface GeneratedColumn {
  /** Its key in `TableFacts.generated`. */
  readonly key: string;
  /** The expression, for `GENERATED ALWAYS AS (…) VIRTUAL`. */
  readonly expression: string;
}

/**
 * The generated column for a field such as `loyalty.points`; undefined if no single column can have
 * its value, or if it is in a list or map.
 */
export function generatedColumn(
  plan: ResourcePlan,
  path: string,
  dialect: Dialect,
): GeneratedColumn | undefined {
  let source: Source = { kind: "row", plan, alias: plan.sql.table };
  let field: DescField | undefined;
  let desc: DescMessage | undefined = plan.desc;
  for (const name of path.split(".")) {
    field = desc?.fields.find((candidate) => candidate.name === name);
    if (!field || field.fieldKind === "list" || field.fieldKind === "map") return undefined;
    source = enterField(source, field, { dialect });
    desc = field.fieldKind === "message" ? field.message : undefined;
  }
  const shape = field && shapeInTable(path.includes(".") ? undefined : plan, field);
  const leaf = shape?.shape === "leaf" ? shape.leaf : undefined;
  if (!leaf || leaf.kind === "value" || (source.kind !== "json" && source.kind !== "column")) {
    return undefined;
  }
  const [expression, ...others] = comparable(source, leaf);
  const key = source.kind === "json" ? source.path : source.column?.name;
  if (expression === undefined || others.length > 0 || key === undefined) return undefined;
  // Inside the table's own definition its columns have no qualifier.
  return { key, expression: expression.replaceAll(`${plan.sql.table}.`, "") };
}

// A term of an order → the SQL expressions that sort as its values do, in a column or in JSON.
// Knows neither directions nor pages: they are the business of compile.ts and keyset.ts.

import type { DescField } from "@bufbuild/protobuf";
import { hasPresence } from "../../../query/filter/kinds.ts";
import type { OrderTerm } from "../../../query/order/checker.ts";
import type { ResourcePlan } from "../../../schema/plan.ts";
import { UINT64_DIGITS } from "../../../schema/types/integer.ts";
import type { Leaf } from "../../../schema/types/leaf.ts";
import type { Dialect } from "../dialect.ts";
import { comparable } from "../filter/comparable.ts";
import { sqlString } from "../filter/fragment.ts";
import { enterField, type Source, type TableFacts } from "../filter/source.ts";

/** An expression to sort by. */
export interface SortExpression {
  readonly expression: string;
  readonly nullable: boolean;
  /** True if no two rows have the same. */
  readonly unique: boolean;
}

/** The expressions of a term, the most significant first. */
export function sortExpressions(
  plan: ResourcePlan,
  { steps, leaf }: OrderTerm,
  facts: TableFacts,
): SortExpression[] {
  if (leaf.kind === "reference" && leaf.own) {
    return [{ expression: `${plan.sql.table}.${plan.sql.key}`, nullable: false, unique: true }];
  }
  let source: Source = { kind: "row", plan, alias: plan.sql.table };
  for (const field of steps) source = enterField(source, field, facts);
  return expressionsOf(source, leaf, steps.at(-1) as DescField, facts);
}

function expressionsOf(
  source: Source,
  leaf: Leaf,
  field: DescField,
  facts: TableFacts,
): SortExpression[] {
  const values = sortedBy(source, leaf, facts.dialect);
  const isNotNull =
    leaf.kind === "etag" ||
    (source.kind === "column" && facts.notNull?.has(source.column?.name ?? ""));
  // A reference that is not set has no key to stand for it: it is first, as NULL is.
  const isDefaulted =
    !isNotNull && !hasPresence(field) && leaf.kind !== "reference" && source.kind !== "part";
  const within = source.kind === "json" ? source.within : undefined;
  return values.map((value) => {
    if (!isDefaulted) return { expression: value, nullable: !isNotNull, unique: false };
    const expression = `coalesce(${value}, ${defaultOf(leaf, source, facts.dialect)})`;
    return within === undefined
      ? { expression, nullable: false, unique: false }
      : { expression: `CASE WHEN ${within} THEN ${expression} END`, nullable: true, unique: false };
  });
}

function sortedBy(source: Source, leaf: Leaf, dialect: Dialect): readonly string[] {
  if (leaf.kind === "enum") return [enumNumber(source, leaf, dialect)];
  const values = comparable(source, leaf);
  return leaf.kind === "text" ? values.map((sql) => dialect.textKey(sql)) : values;
}

/** Enums sort by their numbers; JSON has their names. */
function enumNumber(
  source: Source,
  leaf: Extract<Leaf, { kind: "enum" }>,
  dialect: Dialect,
): string {
  if (source.kind === "column") return source.sql;
  const { desc } = leaf;
  const [value = "NULL"] = comparable(source, leaf);
  const cases = desc.values.map(({ name, number }) => `WHEN ${sqlString(name)} THEN ${number}`);
  return `CASE ${value} ${cases.join(" ")} ELSE ${dialect.toInteger(value)} END`;
}

function defaultOf(leaf: Leaf, source: Source, dialect: Dialect): string {
  if (leaf.kind === "text") return dialect.emptyTextKey;
  // In JSON these are compared as text of one width.
  const isText = leaf.kind === "uint64" && source.kind !== "column";
  return isText ? sqlString("0".repeat(UINT64_DIGITS)) : "0";
}

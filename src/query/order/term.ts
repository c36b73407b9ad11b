// A field to sort by → the SQL expressions that sort as its values do, in a column or in JSON.
// Knows which fields can be sorted by; the directions and pages are compile.ts's and keyset.ts's.

import type { DescField, DescMessage } from "@bufbuild/protobuf";
import type { ResourcePlan } from "../../schema/plan.ts";
import { comparable, UINT64_DIGITS } from "../filter/comparable.ts";
import { sqlString } from "../filter/fragment.ts";
import { describeLeaf, hasPresence, type Leaf } from "../filter/kinds.ts";
import { shapeInTable } from "../filter/place.ts";
import { enterField, isUtf16, type Source, type TableFacts } from "../filter/source.ts";
import { textKey } from "../filter/text-sql.ts";
import { orderError } from "./parser.ts";

/** An expression to sort by. */
export interface SortExpression {
  readonly expression: string;
  readonly nullable: boolean;
  /** True if no two rows have the same. */
  readonly unique: boolean;
}

/**
 * The expressions of a field, the most significant first.
 * @throws StoreError INVALID_FIELD, for `order_by`, if there is no such field or no order of it.
 */
export function sortExpressions(
  plan: ResourcePlan,
  path: string,
  facts: TableFacts,
): SortExpression[] {
  let source: Source = { kind: "row", plan, alias: plan.sql.table };
  let desc: DescMessage | undefined = plan.desc;
  let field: DescField | undefined;
  let leaf: Leaf | undefined;
  for (const [depth, name] of path.split(".").entries()) {
    field = desc?.fields.find((candidate) => candidate.name === name);
    if (!field) throw orderError(`${path} is no field of ${plan.desc.name}`);
    const shape = shapeInTable(depth === 0 ? plan : undefined, field);
    if (shape.shape !== "leaf" && shape.shape !== "message") {
      throw orderError(`${path}: ${field.name} has no order`);
    }
    source = enterField(source, field, facts);
    leaf = shape.leaf;
    desc = shape.shape === "message" ? shape.desc : undefined;
  }
  if (!field || !leaf) throw orderError(`${path} is a message; name one of its fields`);
  if (leaf.kind === "value" || leaf.kind === "bytes") {
    throw orderError(`${path} is ${describeLeaf(leaf)}, which has no order`);
  }
  if (leaf.kind === "reference" && leaf.own) {
    return [{ expression: `${plan.sql.table}.${plan.sql.key}`, nullable: false, unique: true }];
  }
  return expressionsOf(source, leaf, field, facts);
}

function expressionsOf(
  source: Source,
  leaf: Leaf,
  field: DescField,
  facts: TableFacts,
): SortExpression[] {
  const values = sortedBy(source, leaf);
  const isNotNull =
    leaf.kind === "etag" ||
    (source.kind === "column" && facts.notNull?.has(source.column?.name ?? ""));
  // A reference that is not set has no key to stand for it: it is first, as NULL is.
  const isDefaulted =
    !isNotNull && !hasPresence(field) && leaf.kind !== "reference" && source.kind !== "part";
  const within = source.kind === "json" ? source.within : undefined;
  return values.map((value) => {
    if (!isDefaulted) return { expression: value, nullable: !isNotNull, unique: false };
    const expression = `coalesce(${value}, ${defaultOf(leaf, source)})`;
    return within === undefined
      ? { expression, nullable: false, unique: false }
      : { expression: `CASE WHEN ${within} THEN ${expression} END`, nullable: true, unique: false };
  });
}

function sortedBy(source: Source, leaf: Leaf): readonly string[] {
  if (leaf.kind === "enum") return [enumNumber(source, leaf)];
  const values = comparable(source, leaf);
  return leaf.kind === "text" ? values.map((sql) => textKey(sql, isUtf16(source))) : values;
}

/** Enums sort by their numbers; JSON has their names. */
function enumNumber(source: Source, leaf: Extract<Leaf, { kind: "enum" }>): string {
  if (source.kind === "column") return source.sql;
  const { desc } = leaf;
  const [value] = comparable(source, leaf);
  const cases = desc.values.map(({ name, number }) => `WHEN ${sqlString(name)} THEN ${number}`);
  return `CASE ${value} ${cases.join(" ")} ELSE CAST(${value} AS INTEGER) END`;
}

function defaultOf(leaf: Leaf, source: Source): string {
  if (leaf.kind === "text") return isUtf16(source) ? "x''" : "''";
  // In JSON these are compared as text of one width.
  const isText = leaf.kind === "uint64" && source.kind !== "column";
  return isText ? sqlString("0".repeat(UINT64_DIGITS)) : "0";
}

// Looks whether the fields that are declared to be indexed are: for each, what the database would do
// for a filter and for an order by it.
// Makes no statement itself, and reads no rows.

import type { DescField, DescMessage } from "@bufbuild/protobuf";
import type { Statement } from "../database/sql/statements.ts";
import { explainPlan, type StepKind } from "../database/sqlite/inspect/query-plan.ts";
import { StoreError } from "../errors.ts";
import { type Leaf, shapeOf } from "../query/filter/kinds.ts";
import type { ResourcePlan } from "../schema/plan.ts";
import type { ExplainSource, ListText } from "./explain.ts";

/** What the check is made from. */
export interface IndexCheck extends Pick<ExplainSource, "listStatement" | "describe"> {
  /** What the database would do for a statement; statistics may speak against any index. */
  readonly explainDetails: (statement: Statement) => readonly string[];
}

/** The declared fields that no index serves, a line each, for the operator. */
export function findUnindexed(
  plans: readonly ResourcePlan[],
  check: IndexCheck,
): readonly string[] {
  return plans.flatMap((plan) =>
    plan.indexedFields.flatMap((path) => {
      const uses = [
        { use: "filter", list: { filter: sampleFilter(plan, path), orderBy: "" } },
        { use: "order_by", list: { filter: "", orderBy: path } },
        { use: "order_by", list: { filter: "", orderBy: `${path} desc` } },
      ];
      const missing = uses.filter(({ list }) => !isServed(plan, path, list, check));
      const names = [...new Set(missing.map(({ use }) => use))].join(" and ");
      return names === "" ? [] : [`${plan.desc.typeName}.${path}: no index serves it in ${names}`];
    }),
  );
}

function isServed(plan: ResourcePlan, path: string, list: ListText, check: IndexCheck): boolean {
  try {
    const statement = check.listStatement(plan, list);
    const found = { details: check.explainDetails(statement), statistics: NOTHING_KNOWN };
    const query = { plan, sql: statement.sql, isFiltered: list.filter !== "" };
    const { steps } = explainPlan(query, found, check.describe);
    // What a filter has found may be sorted; to sort everything is what an index is to save.
    const refused: readonly StepKind[] = query.isFiltered
      ? ["scan", "scan-index"]
      : ["scan", "sort"];
    const isRefused = steps.some(({ kind }) => refused.includes(kind));
    return !isRefused && steps.some(({ fields }) => fields.includes(path));
  } catch (error) {
    // A path that leads to nothing, or to what has no order, has no index either.
    if (error instanceof StoreError && error.code === "INVALID_FIELD") return false;
    throw error;
  }
}

const NOTHING_KNOWN = { rows: 0n, perKey: new Map<string, readonly bigint[]>() };

function sampleFilter(plan: ResourcePlan, path: string): string {
  const field = fieldAt(plan.desc, path.split("."));
  const reference = plan.columns.find((column) => column.field === field)?.reference;
  const shape = field && shapeOf(field);
  const leaf = shape && "leaf" in shape ? shape.leaf : undefined;
  if (reference) return `${path} = "${reference.collection}/1"`;
  return `${path} = ${leaf ? sampleOf(leaf) : '"1"'}`;
}

function fieldAt(desc: DescMessage, [name, ...rest]: readonly string[]): DescField | undefined {
  const field = desc.fields.find((candidate) => candidate.name === name);
  return rest.length === 0 || !field?.message ? field : fieldAt(field.message, rest);
}

/** A value that is no default, which a field that is not set would have too. */
function sampleOf(leaf: Leaf): string {
  switch (leaf.kind) {
    case "enum":
      return (
        (leaf.desc.values.find(({ number }) => number !== 0) ?? leaf.desc.values[0])?.name ?? ""
      );
    case "timestamp":
      return '"2026-01-31T12:00:00Z"';
    case "date":
      return '"2026-01-31"';
    case "duration":
      return "1s";
    case "bool":
      return "true";
    case "text":
    case "bytes":
    case "etag":
      return '"abcd"';
    default:
      return "1";
  }
}

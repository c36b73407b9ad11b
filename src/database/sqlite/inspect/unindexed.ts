// Looks whether the fields that are declared to be indexed are: for each, what the database would do
// for a filter and for an order by it. Reads no rows.

import { setImmediate } from "node:timers/promises";
import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { StoreError } from "../../../errors.ts";
import { checkFilter } from "../../../query/filter/checker.ts";
import { shapeOf } from "../../../query/filter/kinds.ts";
import { checkOrder } from "../../../query/order/checker.ts";
import type { ResourcePlan } from "../../../schema/plan.ts";
import { leafKind } from "../../../schema/types/all-kinds.ts";
import type { StepKind } from "../../explanation.ts";
import type { ListSelection } from "../../list-request.ts";
import type { Connection } from "../connection/connection.ts";
import { explainDetails, openEmptyCopy } from "./explain.ts";
import { firstPageOf } from "./list-costs.ts";
import { explainPlan } from "./query-plan.ts";
import { createSchemaView, type SchemaView } from "./schema-view.ts";

/** The fields that are declared as indexed and that no index serves, a line each, for the operator. */
export async function* unindexedFields(
  connection: Connection,
  plans: readonly ResourcePlan[],
): AsyncGenerator<string> {
  // Over few rows SQLite scans although an index is there, so an empty copy is asked.
  const tables = plans.flatMap((plan) => [plan, ...plan.children].map(({ table }) => table));
  const copy = openEmptyCopy(connection, tables);
  try {
    const view = createSchemaView(copy);
    for (const plan of plans) {
      // Some milliseconds for each plan; calls are served meanwhile.
      await setImmediate();
      yield* findUnindexed(plan, copy, view);
    }
  } finally {
    copy.close();
  }
}

/**
 * The declared fields of a resource that no index serves, a line each, for the operator. Statistics
 * may speak against any index: `empty` has the tables without rows, and `view` is of it.
 */
export function findUnindexed(
  plan: ResourcePlan,
  empty: Connection,
  view: SchemaView,
): readonly string[] {
  const byFilter = (path: string): ListSelection => {
    const { condition } = checkFilter(plan, sampleFilter(plan, path));
    return { plan, condition, order: [] };
  };
  const byOrder = (text: string): ListSelection => ({ plan, order: checkOrder(plan, text) });
  return plan.indexedFields.flatMap((path) => {
    const uses = [
      { use: "filter", list: () => byFilter(path) },
      { use: "order_by", list: () => byOrder(path) },
      { use: "order_by", list: () => byOrder(`${path} desc`) },
    ];
    const missing = uses.filter(({ list }) => !isServed(path, list, empty, view));
    const names = [...new Set(missing.map(({ use }) => use))].join(" and ");
    return names === "" ? [] : [`${plan.desc.typeName}.${path}: no index serves it in ${names}`];
  });
}

function isServed(
  path: string,
  check: () => ListSelection,
  empty: Connection,
  view: SchemaView,
): boolean {
  try {
    const list = check();
    const { plan, condition } = list;
    const firstPage = firstPageOf(list, view.factsOf(plan));
    const found = { details: explainDetails(empty, firstPage), statistics: NOTHING_KNOWN };
    const query = { plan, sql: firstPage.sql, isFiltered: condition !== undefined };
    const { steps } = explainPlan(query, found, view.describe);
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
  return `${path} = ${leaf ? leafKind(leaf).sample(leaf) : '"1"'}`;
}

function fieldAt(desc: DescMessage, [name, ...rest]: readonly string[]): DescField | undefined {
  const field = desc.fields.find((candidate) => candidate.name === name);
  return rest.length === 0 || !field?.message ? field : fieldAt(field.message, rest);
}

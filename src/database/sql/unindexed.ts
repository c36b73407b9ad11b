// Looks whether the fields that are declared to be indexed are: for each, what the database would do
// for a filter and for an order by it. Reads no rows.

import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { StoreError } from "../../errors.ts";
import { checkFilter } from "../../query/filter/checker.ts";
import { shapeOf } from "../../query/filter/kinds.ts";
import { checkOrder } from "../../query/order/checker.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import { leafKind } from "../../schema/types/all-kinds.ts";
import type { Explanation, StepKind } from "../explanation.ts";
import type { ListSelection } from "../list-request.ts";

/** How a List would be run if nothing spoke against the use of an index, such as that there are few rows. */
type Explain = (list: ListSelection) => Explanation | Promise<Explanation>;

/** The declared fields of a resource that no index serves, a line each, for the operator. */
export async function findUnindexed(
  plan: ResourcePlan,
  explain: Explain,
): Promise<readonly string[]> {
  const byFilter = (path: string): ListSelection => {
    const { condition } = checkFilter(plan, sampleFilter(plan, path));
    return { plan, condition, order: [] };
  };
  const byOrder = (text: string): ListSelection => ({ plan, order: checkOrder(plan, text) });
  const lines: string[] = [];
  for (const path of plan.indexedFields) {
    const uses = [
      { use: "filter", list: () => byFilter(path) },
      { use: "order_by", list: () => byOrder(path) },
      { use: "order_by", list: () => byOrder(`${path} desc`) },
    ];
    const missing = new Set<string>();
    for (const { use, list } of uses) if (!(await isServed(path, list, explain))) missing.add(use);
    const names = [...missing].join(" and ");
    if (names !== "") lines.push(`${plan.desc.typeName}.${path}: no index serves it in ${names}`);
  }
  return lines;
}

async function isServed(
  path: string,
  check: () => ListSelection,
  explain: Explain,
): Promise<boolean> {
  try {
    const { steps, isFiltered } = await explain(check());
    // What a filter has found may be sorted; to sort everything is what an index is to save.
    const refused: readonly StepKind[] = isFiltered ? ["scan", "scan-index"] : ["scan", "sort"];
    const isRefused = steps.some(({ kind }) => refused.includes(kind));
    return !isRefused && steps.some(({ fields }) => fields.includes(path));
  } catch (error) {
    // A path that leads to nothing, or to what has no order, has no index either.
    if (error instanceof StoreError && error.code === "INVALID_FIELD") return false;
    throw error;
  }
}

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

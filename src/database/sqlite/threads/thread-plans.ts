// What a thread makes for itself because it cannot be sent to it: the plans of the resources.
// Must not know what the thread is for.

import type { Registry } from "@bufbuild/protobuf";
import { planResources, type ResourceDefinition, type ResourcePlan } from "../../../schema/plan.ts";
import { registryOf } from "../../../schema/registry.ts";

/** The same that the main thread has, made anew. */
export interface ThreadPlans {
  readonly plans: readonly ResourcePlan[];
  readonly registry: Registry;
}

/**
 * The plans of the `RESOURCES` that the module with the URL `definitions` exports.
 * @throws StoreError INVALID_PLAN, or what the module fails with.
 */
export async function loadPlans(definitions: string): Promise<ThreadPlans> {
  const { RESOURCES } = (await import(definitions)) as {
    readonly RESOURCES: readonly ResourceDefinition[];
  };
  return {
    plans: planResources(RESOURCES),
    registry: registryOf(RESOURCES.map(({ resource }) => resource)),
  };
}

/** The plan with this table: what a plan is called between threads. */
export function planOf(plans: readonly ResourcePlan[], table: string): ResourcePlan {
  const plan = plans.find((candidate) => candidate.table === table);
  if (!plan) throw new TypeError(`the thread has no plan of ${table}`);
  return plan;
}

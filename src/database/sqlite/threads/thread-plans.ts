// What a thread makes for itself because it cannot be sent to it: the plans of the resources.
// Must not know what the thread is for.

import type { Registry } from "@bufbuild/protobuf";
import { type Clock, systemClock } from "../../../clock.ts";
import { StoreError } from "../../../errors.ts";
import { planResources, type ResourceDefinition, type ResourcePlan } from "../../../schema/plan.ts";
import { registryOf } from "../../../schema/registry.ts";

/** The same that the main thread has, made anew. */
export interface ThreadPlans {
  readonly plans: readonly ResourcePlan[];
  readonly registry: Registry;
  readonly clock: Clock;
}

/** What `defineResources` has made, as far as a thread needs it. */
interface Exported {
  readonly definitions: string;
  readonly resources: readonly ResourceDefinition[];
  readonly clock?: Clock;
}

/**
 * The plans of the resources that the module with the URL `definitions` exports.
 * @throws StoreError INVALID_PLAN, INVALID_CONFIG if it exports none, or what the module fails with.
 */
export async function loadPlans(definitions: string): Promise<ThreadPlans> {
  const exported = Object.values((await import(definitions)) as Readonly<Record<string, unknown>>);
  const found = exported.find(isExported);
  if (!found) {
    throw new StoreError("INVALID_CONFIG", `${definitions} must export its defineResources(…)`);
  }
  const { resources, clock = systemClock } = found;
  return {
    plans: planResources(resources),
    registry: registryOf(resources.map(({ resource }) => resource)),
    clock,
  };
}

function isExported(value: unknown): value is Exported {
  if (typeof value !== "object" || value === null) return false;
  return "definitions" in value && "resources" in value && Array.isArray(value.resources);
}

/** The plan with this table: what a plan is called between threads. */
export function planOf(plans: readonly ResourcePlan[], table: string): ResourcePlan {
  const plan = plans.find((candidate) => candidate.table === table);
  if (!plan) throw new TypeError(`the thread has no plan of ${table}`);
  return plan;
}

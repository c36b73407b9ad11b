// The triggers of a resource table and of its child tables, as statements for a test's own tables.

import type { ResourcePlan } from "../../src/schema/plan.ts";
import { childTriggers, resourceTriggers } from "../../src/schema/triggers.ts";

/** The statements that make the triggers of a resource's tables. */
export function outsideTriggers(plan: ResourcePlan): string {
  const triggers = [
    ...resourceTriggers(plan),
    ...plan.children.flatMap((child) => childTriggers(child, plan)),
  ];
  return triggers.map(({ sql }) => `${sql};\n`).join("");
}

// What reader threads import in these tests: no resources, and a way to die in the middle of a job.
// Must not be imported by a test itself.

import { parentPort } from "node:worker_threads";
import type { ResourceDefinition } from "../../src/schema/plan.ts";

export const RESOURCES: readonly ResourceDefinition[] = [];

parentPort?.on("message", (job: { readonly statements?: readonly { readonly sql: string }[] }) => {
  if (job.statements?.some(({ sql }) => sql.includes("-- die"))) process.exit(1);
});

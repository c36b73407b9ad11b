// What reader threads import in these tests: no resources, and a way to die in the middle of a job.
// Must not be imported by a test itself.

import { parentPort } from "node:worker_threads";

export const MORTAL = { definitions: import.meta.url, resources: [] };

parentPort?.on("message", (job: { readonly statements?: readonly { readonly sql: string }[] }) => {
  if (job.statements?.some(({ sql }) => sql.includes("-- die"))) process.exit(1);
});

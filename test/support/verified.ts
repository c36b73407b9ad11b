// Verifies a database file as `protostore verify` does.

import { DEFAULT_LIMITS } from "../../src/config.ts";
import { openSqlite } from "../../src/database/sqlite/sqlite-database.ts";
import type { Finding } from "../../src/repositories/finding.ts";
import { checkSearchIndex } from "../../src/repositories/search-repository.ts";
import { verifyDatabase } from "../../src/repositories/verify.ts";
import { DEFINITIONS, RESOURCES } from "../../src/resources.ts";
import { planResources } from "../../src/schema/plan.ts";
import { registryOf } from "../../src/schema/registry.ts";

/** Everything in the file that is not as it must be: empty if columns, JSON and bytes agree. */
export async function findingsOf(path: string): Promise<Finding[]> {
  const plans = planResources(RESOURCES);
  const registry = registryOf(RESOURCES.map(({ resource }) => resource));
  const tools = { registry, definitions: DEFINITIONS };
  const limits = DEFAULT_LIMITS;
  const database = openSqlite({ path, readOnly: true, ...tools, limits });
  const findings: Finding[] = [];
  for await (const step of verifyDatabase(database, plans, registry)) {
    findings.push(...step.findings);
  }
  findings.push(...(await checkSearchIndex(database)));
  await database.close();
  return findings;
}

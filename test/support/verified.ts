// Verifies a database file as `protostore verify` does.

import { CHINOOK_RESOURCES, RESOURCES } from "../../src/chinook/resources.ts";
import { checkSearchIndex } from "../../src/chinook/search/search-repository.ts";
import type { Finding } from "../../src/database/finding.ts";
import { openSqlite, type SqliteDatabase } from "../../src/database/sqlite/sqlite-database.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { planResources, type ResourceDefinition } from "../../src/schema/plan.ts";
import { registryOf } from "../../src/schema/registry.ts";

/** Everything in the file that is not as it must be: empty if columns, JSON and bytes agree. */
export async function findingsOf(path: string): Promise<Finding[]> {
  return findingsIn(path, CHINOOK_RESOURCES.definitions, RESOURCES, checkSearchIndex);
}

/** The same for the rows of other resources, which the module with this URL exports. */
export async function findingsIn(
  path: string,
  definitions: string,
  resources: readonly ResourceDefinition[],
  findMore: (database: SqliteDatabase) => Promise<Finding[]> = async () => [],
): Promise<Finding[]> {
  const plans = planResources(resources);
  const registry = registryOf(resources.map(({ resource }) => resource));
  const limits = DEFAULT_LIMITS;
  const database = openSqlite({ path, readOnly: true, registry, definitions, limits });
  const findings: Finding[] = [];
  for await (const step of database.verify(plans)) {
    findings.push(...step.findings);
  }
  findings.push(...(await findMore(database)));
  await database.close();
  return findings;
}

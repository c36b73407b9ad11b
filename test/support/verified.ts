// Verifies a database as `protostore verify` does.

import { CHINOOK_RESOURCES, RESOURCES } from "../../src/chinook/resources.ts";
import { checkSearchIndex } from "../../src/chinook/search/search-index.ts";
import type { Database } from "../../src/database/database.ts";
import type { Finding } from "../../src/database/finding.ts";
import { isPostgresUrl } from "../../src/database/postgres/url.ts";
import { openSqlite, type SqliteDatabase } from "../../src/database/sqlite/sqlite-database.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { planResources, type ResourceDefinition } from "../../src/schema/plan.ts";
import { registryOf } from "../../src/schema/registry.ts";

/** Everything in the database that is not as it must be: empty if columns, JSON and bytes agree. */
export async function findingsOf(database: string): Promise<Finding[]> {
  if (isPostgresUrl(database)) return findingsInServer(database);
  return findingsIn(database, CHINOOK_RESOURCES.definitions, RESOURCES, checkSearchIndex);
}

/** The same for the rows of other resources, which the module with this URL exports. */
export async function findingsIn(
  path: string,
  definitions: string,
  resources: readonly ResourceDefinition[],
  findMore: (database: SqliteDatabase) => Promise<Finding[]> = async () => [],
): Promise<Finding[]> {
  const registry = registryOf(resources.map(({ resource }) => resource));
  const limits = DEFAULT_LIMITS;
  const database = openSqlite({ path, readOnly: true, registry, definitions, limits });
  const findings = await verify(database, resources);
  findings.push(...(await findMore(database)));
  await database.close();
  return findings;
}

async function findingsInServer(url: string): Promise<Finding[]> {
  const { openPostgres } = await import("../../src/database/postgres/postgres-database.ts");
  const plans = planResources(RESOURCES);
  const registry = registryOf(RESOURCES.map(({ resource }) => resource));
  const database = openPostgres({ url, readOnly: true, plans, registry, limits: DEFAULT_LIMITS });
  const findings = await verify(database, RESOURCES);
  findings.push(...(await checkSearchIndex(database)));
  await database.close();
  return findings;
}

async function verify(
  database: Database,
  resources: readonly ResourceDefinition[],
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for await (const step of database.verify(planResources(resources))) {
    findings.push(...step.findings);
  }
  return findings;
}

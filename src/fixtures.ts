// Loads sample rows, ProtoJSON files named after their tables, into a database without rows.
// Goes through the same commits as any client's, but with the ids that the files give.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fromJson, type JsonValue, type Registry, toBinary } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import type { Database, Operation } from "./database/database.ts";
import type { Definition } from "./definition.ts";
import type { ResourcePlan } from "./schema/plan.ts";
import { parseName } from "./schema/resource-name.ts";

/**
 * Commits every row of `directory`, all or none; the number of messages.
 * @throws StoreError INVALID_FIELD, naming file and element, for a row that is not as it must be.
 */
export async function loadFixtures(
  database: Database,
  plans: readonly ResourcePlan[],
  registry: Registry,
  directory: string,
  linkFixtures?: Definition["linkFixtures"],
): Promise<number> {
  const operations = plans.flatMap((plan) => createOperations(plan, registry, directory));
  const links = linkFixtures?.(plans, directory) ?? [];
  await database.commit([...operations, ...links]);
  return operations.length;
}

function createOperations(plan: ResourcePlan, registry: Registry, directory: string): Operation[] {
  const file = `${plan.table}.json`;
  return readArray(directory, file).map((json, index) => {
    const path = `${file}[${index}]`;
    const message = fromJson(plan.desc, json, { registry });
    const name = reflect(plan.desc, message).get(plan.standard.name) as string;
    const key = parseName(plan.resource, name, `${path}.name`);
    return { kind: "create", plan, message: toBinary(plan.desc, message), key, path };
  });
}

/** The elements of the file; none if it is absent. */
export function readArray(directory: string, file: string): JsonValue[] {
  const path = join(directory, file);
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as JsonValue[]) : [];
}

// A migrated database of its own for tests of the write path, and plain SQL beside it.

import { join } from "node:path";
import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { onTestFinished } from "vitest";
import { CHINOOK_RESOURCES, RESOURCES } from "../../src/chinook/resources.ts";
import type { Database, Operation } from "../../src/database/database.ts";
import {
  type Connection,
  openConnection,
} from "../../src/database/sqlite/connection/connection.ts";
import { openSqlite } from "../../src/database/sqlite/sqlite-database.ts";
import { DEFAULT_LIMITS, type Limits } from "../../src/limits.ts";
import { planResources, type ResourcePlan } from "../../src/schema/plan.ts";
import { registryOf } from "../../src/schema/registry.ts";
import { makeMigrated } from "../support/migrated.ts";
import { tempDir } from "../support/temp.ts";

const PLANS = planResources(RESOURCES);
const REGISTRY = registryOf(RESOURCES.map(({ resource }) => resource));

export interface Opened {
  readonly path: string;
  readonly database: Database;
  /** A connection of another program. */
  readonly outside: Connection;
}

/** A new database without rows, closed when the test is over. */
export async function openDatabase(
  limits: Partial<Limits> = {},
  definitions = CHINOOK_RESOURCES.definitions,
): Promise<Opened> {
  const path = join(tempDir(), "test.db");
  await makeMigrated(path);
  const database = openSqlite({
    path,
    readOnly: false,
    registry: REGISTRY,
    definitions,
    limits: { ...DEFAULT_LIMITS, ...limits },
  });
  const outside = openConnection(path, { busyTimeoutMs: 5_000 });
  onTestFinished(async () => {
    outside.close();
    await database.close();
  });
  await database.opened();
  return { path, database, outside };
}

/** The plan of the resource with this message. */
function planOf(desc: DescMessage): ResourcePlan {
  const plan = PLANS.find((candidate) => candidate.desc === desc);
  if (!plan) throw new Error(`${desc.typeName} is not served`);
  return plan;
}

/** The operation that creates a message. */
export function createOf<D extends DescMessage>(
  desc: D,
  init: MessageInitShape<D>,
  key?: bigint,
): Operation {
  const message = toBinary(desc, create(desc, init));
  return { kind: "create", plan: planOf(desc), message, path: "item", ...(key && { key }) };
}

/** The operation that changes a message, which names itself and may have an etag. */
export function updateOf<D extends DescMessage>(
  desc: D,
  init: MessageInitShape<D>,
  mask: readonly string[],
): Operation {
  const message = toBinary(desc, create(desc, init));
  return { kind: "update", plan: planOf(desc), message, mask, allowMissing: false, path: "item" };
}

/** The operation that deletes the row with this key. */
export function deleteOf(desc: DescMessage, key: bigint): Operation {
  return { kind: "delete", plan: planOf(desc), key, etag: "", allowMissing: false, force: false };
}

/** The single value that a query gives. */
export function pluck(connection: Connection, sql: string): unknown {
  return connection.prepare(sql).pluck().get();
}

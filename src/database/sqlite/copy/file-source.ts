// A file that is copied: one read transaction for all of it, so that whoever writes meanwhile changes nothing.
// It must be what a server of this release would serve.

import { StoreError } from "../../../errors.ts";
import { hashOf, imageOf } from "../../../schema/image.ts";
import type { ResourcePlan } from "../../../schema/plan.ts";
import type { CopyEnd } from "../../copy/copy-ends.ts";
import type { Connection } from "../connection/connection.ts";
import { translateSqliteError } from "../connection/connection.ts";
import { readSchemaState, useSchemaStore } from "../descriptors/schema-store.ts";
import { createSchemaProbe } from "../inspect/schema-probe.ts";
import { refuseUnmanaged } from "../migrate/detect.ts";
import { openForReading, requireDatabase } from "../migrate/target.ts";
import { type FileSetup, fileEnd } from "./file-end.ts";

/**
 * Runs `action` with the file at `path`, whose log cannot be cut until then.
 * @throws StoreError DATABASE_UNAVAILABLE, UNMANAGED_DATABASE, SCHEMA_MISMATCH, SCHEMA_INCOMPATIBLE
 */
export async function withFileSource<T>(
  path: string,
  { plans, registry, files, foreign }: FileSetup,
  action: (source: CopyEnd) => Promise<T>,
): Promise<T> {
  requireDatabase(path);
  const connection = openForReading(path);
  try {
    connection.pragma("query_only = ON");
    connection.exec("BEGIN");
    refuseUnmanaged(connection, path, foreign);
    const { error } = createSchemaProbe(connection, plans, files).look();
    if (error) throw new StoreError(error.code, `${path}: ${error.message}`);
    refuseOtherDescriptors(connection, path, plans);
    useSchemaStore(registry, connection);
    return await action(fileEnd(connection, path, registry));
  } catch (error) {
    throw translateSqliteError(error);
  } finally {
    connection.close();
  }
}

/** A server with other descriptors has other columns: the next one derives its rows anew. */
function refuseOtherDescriptors(
  connection: Connection,
  path: string,
  plans: readonly ResourcePlan[],
): void {
  const state = readSchemaState(connection);
  if (!state || state.writer === null) return;
  const own = hashOf(imageOf(plans.map(({ desc }) => desc)));
  if (state.writer === own && state.derivation === null) return;
  throw new StoreError(
    "SCHEMA_INCOMPATIBLE",
    `${path} was last served with other descriptors: serve it once with this release`,
  );
}

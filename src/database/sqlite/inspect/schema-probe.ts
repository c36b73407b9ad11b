// Looks whether the database's migrations and tables are what the messages need.
// Reads only; the answer for unchanged tables is remembered.

import { create } from "@bufbuild/protobuf";
import {
  type DatabaseStatus_Schema,
  DatabaseStatus_SchemaSchema,
} from "../../../../gen/protostore/v1/database_service_pb.ts";
import { StoreError } from "../../../errors.ts";
import { findDifferences } from "../../../schema/drift.ts";
import type { ResourcePlan } from "../../../schema/plan.ts";
import type { ProbeResult } from "../../database.ts";
import type { MigrationFile } from "../../migrations/files.ts";
import { whyNotCurrent } from "../../migrations/migration-status.ts";
import { describeDescriptors } from "../../sql/descriptors/describe.ts";
import { type Connection, readPragma, translateSqliteError } from "../connection/connection.ts";
import { readSchemaState } from "../descriptors/schema-store.ts";
import { readMigrationStatus } from "../migrate/migrate.ts";
import { readMigratedSchema } from "../migrate/migrated-schema.ts";
import { describeTables } from "./describe.ts";
import { compareObjects, triggersAndViews } from "./migrated-objects.ts";
import { findStateFaults } from "./store-state.ts";

/** Compares a database with what the server needs. */
export interface SchemaProbe {
  look(): ProbeResult;
  describe(): DatabaseStatus_Schema;
  /** @throws StoreError SCHEMA_MISMATCH if all migrations are applied and the tables still differ. */
  refuseDifferences(): void;
}

/** The probe of the database that `connection` has open. */
export function createSchemaProbe(
  connection: Connection,
  plans: readonly ResourcePlan[],
  files: readonly MigrationFile[],
): SchemaProbe {
  const migrated = triggersAndViews(readMigratedSchema(files));
  let seen: { version: unknown; differences: readonly string[] } | undefined;

  /** The schema is compared when it changes, the state at each look. */
  function differences(): readonly string[] {
    const version = readPragma(connection, "schema_version");
    if (seen?.version !== version) {
      seen = { version, differences: compareSchema() };
    }
    return [...seen.differences, ...findStateFaults(connection)];
  }

  function compareSchema(): readonly string[] {
    const found = findDifferences(plans, describeTables(connection));
    // What is wrong with a trigger that a plan needs has been said by its message already.
    const named = new Set(found.flatMap((line) => line.split(/[ :]+/)));
    const others = compareObjects(connection, migrated)
      .filter(({ name }) => !named.has(name))
      .map(({ line }) => line);
    return [...found, ...others];
  }

  return {
    look() {
      try {
        const status = readMigrationStatus(connection, files);
        const reason = whyNotCurrent(status) ?? differences().join("; ");
        if (reason === "") return { serving: true };
        return { serving: false, error: new StoreError("SCHEMA_MISMATCH", reason) };
      } catch (error) {
        return { serving: false, error: translateSqliteError(error) };
      }
    },

    describe() {
      const { version, expected, dirty } = readMigrationStatus(connection, files);
      return create(DatabaseStatus_SchemaSchema, {
        version: BigInt(version),
        expectedVersion: BigInt(expected),
        dirty,
        differences: [...differences()],
        ...describeDescriptors(readSchemaState(connection)),
      });
    },

    refuseDifferences() {
      if (whyNotCurrent(readMigrationStatus(connection, files)) !== undefined) return;
      const found = differences();
      if (found.length > 0) throw new StoreError("SCHEMA_MISMATCH", found.join("\n"));
    },
  };
}

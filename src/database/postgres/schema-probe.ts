// Looks whether the database's migrations and tables are what the messages need.
// Reads only: what follows from a difference is decided elsewhere.

import { create } from "@bufbuild/protobuf";
import {
  type DatabaseStatus_Schema,
  DatabaseStatus_SchemaSchema,
} from "../../../gen/protostore/v1/database_service_pb.ts";
import { StoreError } from "../../errors.ts";
import {
  type DescribeTable,
  type ExpectedSchema,
  findDifferences,
  type TableDescription,
} from "../../schema/drift.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import type { ProbeResult } from "../database.ts";
import type { MigrationFile } from "../migrations/files.ts";
import { whyNotCurrent } from "../migrations/migration-status.ts";
import { describeDescriptors } from "../sql/descriptors/describe.ts";
import { readState } from "./descriptors.ts";
import { translatePostgresError } from "./errors.ts";
import { selectRules } from "./foreign-code.ts";
import { readMigrationStatus } from "./migrate/migrate.ts";
import type { Session } from "./session.ts";

/** Compares a database with what the server needs. */
export interface SchemaProbe {
  look(): Promise<ProbeResult>;
  describe(): Promise<DatabaseStatus_Schema>;
  /** @throws StoreError SCHEMA_MISMATCH if all migrations are applied and the tables still differ. */
  refuseDifferences(): Promise<void>;
}

/** The table that a database has while it is copied into, and until the copy is proved. */
export const UNFINISHED_COPY = "store_copy";

const RESOURCE_TRIGGERS = ["before_write", "after_delete", "after_rename"];

/** What the migrations of this driver make. */
const EXPECTED: ExpectedSchema = {
  triggersOf: ({ table, children, triggers }) =>
    new Map<string, readonly string[]>([
      [table, [...RESOURCE_TRIGGERS.map((name) => `${table}_${name}`), ...triggers.postgres]],
      ...children.map((child): [string, readonly string[]] => [
        child.table,
        [`${child.table}_after_write`],
      ]),
    ]),
  stateTables: {
    store_state: ["id", "revision"],
    id_high_water: ["table_name", "last_id"],
    completed_requests: ["request_id", "digest", "revision", "messages", "completed_at"],
    store_secrets: ["name", "value"],
    stored_schemas: ["hash", "image", "stored_at", "rowid"],
    schema_state: [
      "id",
      "current_hash",
      "writer_hash",
      "derivation_hash",
      "derivation_table",
      "derivation_key",
      "rows_done",
      "rows_total",
    ],
  },
};

/** The probe of the database that sessions are of; `onServing` is part of each look that finds it well. */
export function createSchemaProbe(
  session: () => Promise<Session>,
  plans: readonly ResourcePlan[],
  files: readonly MigrationFile[],
  onServing: () => Promise<void> = async () => {},
): SchemaProbe {
  async function differences(): Promise<readonly string[]> {
    const own = await session();
    const [[copy] = []] = await own.all({
      sql: "SELECT to_regclass(?)::text",
      parameters: [UNFINISHED_COPY],
    });
    if (copy !== null) return ["it is an unfinished copy: run protostore copy again"];
    const found = findDifferences(plans, await describeTables(own), EXPECTED);
    const rules = await own.all(selectRules(plans));
    return [
      ...found,
      ...rules.map(
        ([table, rule]) => `${table} has the rule ${rule}: what it writes cannot be told`,
      ),
    ];
  }

  const status = async () => readMigrationStatus(await session(), files);

  return {
    async look() {
      try {
        const reason = whyNotCurrent(await status()) ?? (await differences()).join("; ");
        if (reason === "") {
          await onServing();
          return { serving: true };
        }
        return { serving: false, error: new StoreError("SCHEMA_MISMATCH", reason) };
      } catch (error) {
        return { serving: false, error: translatePostgresError(error) };
      }
    },

    async describe() {
      const { version, expected, dirty } = await status();
      return create(DatabaseStatus_SchemaSchema, {
        version,
        expectedVersion: expected,
        dirty,
        differences: [...(await differences())],
        ...describeDescriptors(await readState(session)),
      });
    },

    async refuseDifferences() {
      if (whyNotCurrent(await status()) !== undefined) return;
      const found = await differences();
      if (found.length > 0) throw new StoreError("SCHEMA_MISMATCH", found.join("\n"));
    },
  };
}

/** What the types keep of a value, in the words that codecs have for it. */
const TYPES: Readonly<Record<string, string>> = {
  bigint: "INTEGER",
  integer: "INTEGER",
  smallint: "INTEGER",
  "double precision": "REAL",
  text: "TEXT",
  bytea: "BLOB",
  json: "TEXT",
};

/** All tables that statements find by their names alone. */
async function describeTables(session: Session): Promise<DescribeTable> {
  const [columns, keys, triggers] = await Promise.all([
    session.all({
      sql:
        "SELECT relname, attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid), " +
        "coalesce(array_position(indkey::int2[], attnum), -1) " +
        "FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid " +
        "LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum " +
        "LEFT JOIN pg_index ON indrelid = attrelid AND indisprimary " +
        "WHERE relkind = 'r' AND attnum > 0 AND NOT attisdropped AND pg_table_is_visible(pg_class.oid) " +
        "AND relnamespace <> 'pg_catalog'::regnamespace",
      parameters: [],
    }),
    session.all({
      sql:
        "SELECT own.relname, attname, other.relname FROM pg_constraint " +
        "JOIN pg_class AS own ON own.oid = conrelid JOIN pg_class AS other ON other.oid = confrelid " +
        "JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1] " +
        "WHERE contype = 'f' AND array_length(conkey, 1) = 1",
      parameters: [],
    }),
    session.all({
      sql:
        "SELECT relname, tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid " +
        "WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')",
      parameters: [],
    }),
  ]);
  const byTable = Map.groupBy(columns, ([table]) => table as string);
  const tables = new Map<string, TableDescription>();
  for (const [table, own] of byTable) {
    const primary = own.filter(([, , , , , place]) => place !== -1n);
    tables.set(table, {
      columns: own.map(([, name, type, notNull, defaultValue]) => ({
        name: name as string,
        type: TYPES[type as string] ?? (type as string),
        notNull: notNull === 1n,
        defaultValue: defaultValue as string | null,
        primaryKey: 0,
        generated: false,
      })),
      rowId: primary.length === 1 ? (primary[0]?.[1] as string) : undefined,
      strict: false,
      foreignKeys: keys
        .filter(([name]) => name === table)
        .map(([, column, target]) => ({
          column: column as string,
          table: target as string,
          target: null,
        })),
      triggers: triggers
        .filter(([name]) => name === table)
        .map(([, name]) => ({ name: name as string, sql: "" })),
      indexes: [],
    });
  }
  return (name) => tables.get(name.toLowerCase());
}

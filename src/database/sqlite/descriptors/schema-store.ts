// The descriptors that a file keeps of its messages, read at once where a thread needs them.
// What they are, and what follows from them, is in ../../sql/descriptors.

import type { FileRegistry, Registry } from "@bufbuild/protobuf";
import type { Row } from "../../../schema/sql-value.ts";
import { useStoredTypes } from "../../../schema/stored-types.ts";
import {
  type SchemaState,
  SELECT_HASHES,
  SELECT_STATE,
  STATE_TABLE,
  selectImage,
  toSchemaState,
  typesOf,
} from "../../sql/descriptors/schema-store.ts";
import type { Statement } from "../../sql/statements.ts";
import type { Connection } from "../connection/connection.ts";
import { createStatementRunner } from "../connection/statement-runner.ts";

/** The state; undefined as long as the migration that makes it is pending. */
export function readSchemaState(connection: Connection): SchemaState | undefined {
  return hasStore(connection) ? toSchemaState(one(connection, SELECT_STATE) as Row) : undefined;
}

function hasStore(connection: Connection): boolean {
  const sql = "SELECT 1 FROM sqlite_schema WHERE name = ?";
  return one(connection, { sql, parameters: [STATE_TABLE] }) !== undefined;
}

/** The image with this hash, if it is stored. */
export function readStoredImage(connection: Connection, hash: string): Uint8Array | undefined {
  return one(connection, selectImage(hash))?.[0] as Uint8Array | undefined;
}

/** Lets rows whose JSON only another server's descriptors explain be read on this connection. */
export function useSchemaStore(registry: Registry, connection: Connection): void {
  const known = new Map<string, FileRegistry>();
  useStoredTypes(registry, () => {
    if (!hasStore(connection)) return [];
    return createStatementRunner(connection)
      .all(SELECT_HASHES)
      .map(([hash]) => {
        const types = known.get(hash as string) ?? typesIn(connection, hash as string);
        known.set(hash as string, types);
        return types;
      });
  });
}

function typesIn(connection: Connection, hash: string): FileRegistry {
  return typesOf(hash, readStoredImage(connection, hash));
}

function one(connection: Connection, statement: Statement): Row | undefined {
  return createStatementRunner(connection).get(statement);
}

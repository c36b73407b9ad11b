// The descriptors that a database keeps of its messages, and what is known of who wrote it last: reads
// them, and says the statements that change them. Runs no statement that writes.

import { createFileRegistry, type FileRegistry, type Registry } from "@bufbuild/protobuf";
import type { Leftover } from "../../../schema/compatibility.ts";
import { hashOf, readImage } from "../../../schema/image.ts";
import { sqlName } from "../../../schema/sql-name.ts";
import { useStoredTypes } from "../../../schema/stored-types.ts";
import type { Statement } from "../../sql/statements.ts";
import type { Connection } from "../connection/connection.ts";

/** What the database knows of descriptors. */
export interface SchemaState {
  /** The newest descriptors; null before the first server has served. */
  readonly current: string | null;
  /** Those of the server that wrote last. */
  readonly writer: string | null;
  /** Those for which rows are being derived anew; null if none are. */
  readonly derivation: string | null;
  /** Where that is: the table, and the last row that is done; null at the start of a table. */
  readonly position: { readonly table: string | null; readonly key: bigint | null };
  readonly rowsDone: bigint;
  readonly rowsTotal: bigint;
}

type StateRow = [
  current: string | null,
  writer: string | null,
  derivation: string | null,
  table: string | null,
  key: bigint | null,
  rowsDone: bigint,
  rowsTotal: bigint,
];

/** The state; undefined as long as the migration that makes it is pending. */
export function readSchemaState(connection: Connection): SchemaState | undefined {
  if (!hasStore(connection)) return undefined;
  const [current, writer, derivation, table, key, rowsDone, rowsTotal] = connection
    .prepare(
      "SELECT current_hash, writer_hash, derivation_hash, derivation_table, derivation_key, " +
        "rows_done, rows_total FROM schema_state",
    )
    .raw()
    .get() as StateRow;
  return { current, writer, derivation, position: { table, key }, rowsDone, rowsTotal };
}

function hasStore(connection: Connection): boolean {
  return (
    connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'schema_state'").get() !==
    undefined
  );
}

/** The image with this hash, if it is stored. */
export function readStoredImage(connection: Connection, hash: string): Uint8Array | undefined {
  return connection
    .prepare<[string], Uint8Array>("SELECT image FROM stored_schemas WHERE hash = ?")
    .pluck()
    .get(hash);
}

/** The hashes of all sets of descriptors that were ever served, the newest first. */
export function readHashes(connection: Connection): readonly string[] {
  return connection
    .prepare("SELECT hash FROM stored_schemas ORDER BY stored_at DESC, rowid DESC")
    .pluck()
    .all() as string[];
}

/** Lets rows whose JSON only another server's descriptors explain be read on this connection. */
export function useSchemaStore(registry: Registry, connection: Connection): void {
  const known = new Map<string, FileRegistry>();
  useStoredTypes(registry, () => {
    if (!hasStore(connection)) return [];
    return readHashes(connection).map((hash) => {
      const types = known.get(hash) ?? readTypes(connection, hash);
      known.set(hash, types);
      return types;
    });
  });
}

/** The types of the image with this hash. An image that is damaged is as if it had none. */
export function readTypes(connection: Connection, hash: string): FileRegistry {
  const image = readStoredImage(connection, hash);
  return image && hashOf(image) === hash ? readImage(image) : createFileRegistry();
}

/** True if a row of the table has what is looked for. */
export function findLeftover(connection: Connection, leftover: Leftover): boolean {
  const { table } = leftover;
  const columns = connection
    .prepare("SELECT lower(name) FROM pragma_table_xinfo(?)")
    .pluck()
    .all(table) as string[];
  const column = leftover.kind === "json" ? "data" : leftover.column;
  if (!columns.includes(column.toLowerCase())) return false;
  const found = `SELECT 1 FROM ${sqlName(table)} WHERE`;
  if (leftover.kind === "column") {
    return connection.prepare(`${found} ${sqlName(column)} IS NOT NULL`).get() !== undefined;
  }
  const texts = [JSON.stringify(leftover.key), ...(leftover.bytes ? ['"$unknown"'] : [])];
  const conditions = texts.map(() => "instr(data, ?) > 0").join(" OR ");
  return connection.prepare(`${found} ${conditions}`).get(...texts) !== undefined;
}

/** True if the table has no row, or is not there. */
export function isEmptyTable(connection: Connection, table: string): boolean {
  const name = sqlName(table);
  const exists = connection.prepare("SELECT 1 FROM pragma_table_list(?)").get(table);
  return !exists || connection.prepare(`SELECT 1 FROM ${name} LIMIT 1`).get() === undefined;
}

/** Stores an image; one that is there already stays. */
export function insertImage(hash: string, image: Uint8Array, now: string): Statement {
  return {
    sql: "INSERT INTO stored_schemas (hash, image, stored_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
    parameters: [hash, image, now],
  };
}

/** Makes the descriptors with this hash the newest. */
export function setCurrent(hash: string): Statement {
  return { sql: "UPDATE schema_state SET current_hash = ?", parameters: [hash] };
}

/** Begins to derive rows anew for the descriptors with this hash. */
export function beginDerivation(hash: string, rowsTotal: bigint): Statement {
  return {
    sql:
      "UPDATE schema_state SET derivation_hash = ?, derivation_table = NULL, " +
      "derivation_key = NULL, rows_done = 0, rows_total = ?",
    parameters: [hash, rowsTotal],
  };
}

/** Says how far it is; nothing if another server has ended it. */
export function moveDerivation(hash: string, table: string, key: bigint, rows: number): Statement {
  return {
    sql:
      "UPDATE schema_state SET derivation_table = ?, derivation_key = ?, " +
      "rows_done = rows_done + ? WHERE derivation_hash = ?",
    parameters: [table, key, BigInt(rows), hash],
  };
}

/** From now on, rows are written by a server with these descriptors. */
export function setWriter(hash: string): Statement {
  return {
    sql: "UPDATE schema_state SET writer_hash = ?, derivation_hash = NULL",
    parameters: [hash],
  };
}

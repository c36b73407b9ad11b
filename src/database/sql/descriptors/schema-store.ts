// The descriptors that a database keeps of its messages, and what is known of who wrote it last: the
// statements that read and change them, and what their rows say. Runs none that writes.

import { createFileRegistry, type FileRegistry } from "@bufbuild/protobuf";
import type { Leftover } from "../../../schema/compatibility.ts";
import { hashOf, readImage } from "../../../schema/image.ts";
import { sqlName } from "../../../schema/sql-name.ts";
import type { Row } from "../../../schema/sql-value.ts";
import type { Database } from "../../database.ts";
import type { RowDialect } from "../dialect.ts";
import type { Statement } from "../statements.ts";

/** A database whose descriptors are looked at. */
export interface DescriptorSource {
  readonly commit: Database["commit"];
  readonly dialect: RowDialect;
  ask(statement: Statement): Promise<readonly Row[]>;
  /** The columns of a table in lower case, a row each; none if there is no such table. */
  selectColumns(table: string): Statement;
  /** SQL for where a text begins in the JSON of a row; 0 if it is not there. */
  placeIn(data: string, text: string): string;
}

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

/** The table whose one row is the state. */
export const STATE_TABLE = "schema_state";

export const SELECT_STATE: Statement = {
  sql:
    "SELECT current_hash, writer_hash, derivation_hash, derivation_table, derivation_key, " +
    `rows_done, rows_total FROM ${STATE_TABLE}`,
  parameters: [],
};

/** What the row of `SELECT_STATE` says. */
export function toSchemaState(row: Row): SchemaState {
  const [current, writer, derivation, table, key, rowsDone, rowsTotal] = row;
  const position = { table, key };
  return { current, writer, derivation, position, rowsDone, rowsTotal } as SchemaState;
}

/** The state; undefined as long as the migration that makes it is pending. */
export async function readSchemaState(
  source: Pick<DescriptorSource, "ask" | "selectColumns">,
): Promise<SchemaState | undefined> {
  if ((await source.ask(source.selectColumns(STATE_TABLE))).length === 0) return undefined;
  const [row] = await source.ask(SELECT_STATE);
  return row && toSchemaState(row);
}

/** The hashes of all sets of descriptors that were ever served, the newest first. */
export const SELECT_HASHES: Statement = {
  sql: "SELECT hash FROM stored_schemas ORDER BY stored_at DESC, rowid DESC",
  parameters: [],
};

/** The image with this hash, if it is stored. */
export function selectImage(hash: string): Statement {
  return { sql: "SELECT image FROM stored_schemas WHERE hash = ?", parameters: [hash] };
}

/** All sets of types that are stored, the newest first, with their hashes. */
export async function readStoredSets(
  source: Pick<DescriptorSource, "ask">,
): Promise<ReadonlyMap<string, FileRegistry>> {
  const stored = new Map<string, FileRegistry>();
  for (const [hash] of await source.ask(SELECT_HASHES)) {
    const [[image] = []] = await source.ask(selectImage(hash as string));
    stored.set(hash as string, typesOf(hash as string, image as Uint8Array));
  }
  return stored;
}

/** The types of an image. One that is damaged, or lost, is as if it had none. */
export function typesOf(hash: string, image: Uint8Array | undefined): FileRegistry {
  return image && hashOf(image) === hash ? readImage(image) : createFileRegistry();
}

/** True if a row of the table has what is looked for. */
export async function findLeftover(
  { ask, selectColumns, placeIn }: DescriptorSource,
  leftover: Leftover,
): Promise<boolean> {
  const { table } = leftover;
  const column = leftover.kind === "json" ? "data" : leftover.column;
  const columns = (await ask(selectColumns(table))).map(([name]) => name);
  if (!columns.includes(column.toLowerCase())) return false;
  const found = `SELECT 1 FROM ${sqlName(table)} WHERE`;
  if (leftover.kind === "column") {
    const sql = `${found} ${sqlName(column)} IS NOT NULL LIMIT 1`;
    return (await ask({ sql, parameters: [] })).length > 0;
  }
  const texts = [JSON.stringify(leftover.key), ...(leftover.bytes ? ['"$unknown"'] : [])];
  const conditions = texts.map(() => `${placeIn("data", "?")} > 0`).join(" OR ");
  const sql = `${found} ${conditions} LIMIT 1`;
  return (await ask({ sql, parameters: texts })).length > 0;
}

/** True if the table has no row, or is not there. */
export async function isEmptyTable(
  { ask, selectColumns }: DescriptorSource,
  table: string,
): Promise<boolean> {
  if ((await ask(selectColumns(table))).length === 0) return true;
  const sql = `SELECT 1 FROM ${sqlName(table)} LIMIT 1`;
  return (await ask({ sql, parameters: [] })).length === 0;
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

// Reads the bytes of many rows at once. SQLite puts them behind each other: a buffer for each of a
// thousand rows costs more than everything else that a page takes.
// Must not be given rows without bytes.

import { selectWires } from "../../query/statements.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import type { SqlValue } from "../../schema/sql-value.ts";
import { type Connection, readPragma } from "./connection.ts";
import type { StatementRunner } from "./statement-cache.ts";

/** A row and how many bytes it has. */
export interface SizedRow {
  readonly key: bigint;
  readonly length: number;
}

/** The bytes of each of the rows, in their order, in the transaction that is open. */
export type ReadWires = (plan: ResourcePlan, rows: readonly SizedRow[]) => readonly Uint8Array[];

/** SQLite joins texts: bytes stay what they are only if they are in its own encoding already. */
export function joinsBytes(connection: Connection): boolean {
  return readPragma(connection, "encoding") === "UTF-8";
}

/** Reads bytes on `connection`. */
export function createWireReader(connection: Connection, runner: StatementRunner): ReadWires {
  const joins = joinsBytes(connection);
  return (plan, rows) => {
    const statement = selectWires(
      plan,
      rows.map(({ key }) => key),
      joins,
    );
    const values: SqlValue[] = runner.all(statement).map(([value]) => value ?? null);
    return joins ? split(values[0] as Uint8Array | null, rows) : (values as Uint8Array[]);
  };
}

function split(joined: Uint8Array | null, rows: readonly SizedRow[]): readonly Uint8Array[] {
  const { buffer, byteOffset, length: total } = joined ?? new Uint8Array();
  let at = 0;
  const pieces = rows.map(({ length }) => {
    const piece = new Uint8Array(buffer, byteOffset + at, length);
    at += length;
    return piece;
  });
  if (at !== total) throw new TypeError(`${rows.length} rows have ${total} bytes instead of ${at}`);
  return pieces;
}

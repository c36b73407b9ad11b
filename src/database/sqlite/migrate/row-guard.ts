// Keeps a migration from losing rows that its script does not delete: those of the tables that refer
// to one which it drops. Reads only; whoever runs the script rolls back what is refused here.

import { StoreError } from "../../../errors.ts";
import type { MigrationScript } from "../../migrations/files.ts";
import { blankComments } from "../../migrations/sql-text.ts";
import { type Connection, readPragma } from "../connection/connection.ts";
import { droppedTables, emptiedTables } from "./named-tables.ts";
import { countReferences, countTable, readDangling, readForeignKeys } from "./reference-check.ts";

/** Watches one run of one script. */
export interface RowGuard {
  /** @throws StoreError MIGRATION_FAILED if `sql`, which is run next, would delete other rows. */
  before(sql: string): void;
  /** @throws StoreError MIGRATION_FAILED if rows or references were lost. */
  after(): void;
}

/** Reads what there is before `script` is run. */
export function watchRows(connection: Connection, script: MigrationScript): RowGuard {
  const dropped = droppedTables(script.sql);
  const isOff = script.mode === "foreign-keys-off";
  const dangling = isOff ? readDangling(connection) : undefined;
  const counts = isOff ? countChildren(connection, dropped) : new Map<string, bigint>();
  const emptied: Emptied[] = [];

  return {
    before(sql) {
      if (!/^DROP\b/i.test(blankComments(sql).trimStart())) return;
      if (readPragma(connection, "foreign_keys") === 0n) return;
      for (const loss of findCascades(connection, droppedTables(sql))) {
        // The script may drop the child as well: that is known when it has ended.
        if (!dropped.has(loss.child.toLowerCase())) throw cascadeError(loss);
        emptied.push(loss);
      }
    },

    after() {
      for (const loss of emptied) {
        if (countTable(connection, loss.child) === undefined) continue;
        throw prefixed(script, cascadeError(loss));
      }
      checkCounts(connection, script, counts);
      if (dangling) checkDangling(connection, script, dangling);
    },
  };
}

/** The rows of `child` that go, or lose their reference, as `parent` is dropped. */
interface Emptied {
  readonly parent: string;
  readonly child: string;
  readonly rows: bigint;
  readonly action: string;
}

function findCascades(connection: Connection, parents: ReadonlySet<string>): readonly Emptied[] {
  return readForeignKeys(connection)
    .filter(({ child, parent, onDelete }) => {
      const acts = onDelete === "CASCADE" || onDelete.startsWith("SET ");
      return acts && parents.has(parent.toLowerCase()) && !parents.has(child.toLowerCase());
    })
    .map((key) => ({
      parent: key.parent,
      child: key.child,
      rows: countReferences(connection, key),
      action: key.onDelete,
    }))
    .filter(({ rows }) => rows > 0n);
}

function cascadeError({ parent, child, rows, action }: Emptied): StoreError {
  const what = action === "CASCADE" ? "delete" : "take the reference from";
  return new StoreError(
    "MIGRATION_FAILED",
    `to drop ${parent} would ${what} ${rows} rows of ${child}, which refer to it (ON DELETE ` +
      `${action}); to make ${parent} anew, begin the file with \`-- protostore: foreign-keys off\``,
  );
}

function countChildren(
  connection: Connection,
  dropped: ReadonlySet<string>,
): ReadonlyMap<string, bigint> {
  const children = readForeignKeys(connection)
    .filter(({ parent }) => dropped.has(parent.toLowerCase()))
    .map(({ child }) => child);
  return new Map(children.map((child) => [child, countTable(connection, child) ?? 0n]));
}

function checkCounts(
  connection: Connection,
  script: MigrationScript,
  counts: ReadonlyMap<string, bigint>,
): void {
  const emptied = emptiedTables(script.sql);
  for (const [child, before] of counts) {
    const after = countTable(connection, child);
    if (after === undefined || after >= before || emptied.has(child.toLowerCase())) continue;
    const message =
      `${child} has ${after} rows afterwards and had ${before}, and the file deletes none of ` +
      "them; if they are to go, say so with DELETE FROM";
    throw prefixed(script, new StoreError("MIGRATION_FAILED", message));
  }
}

function checkDangling(
  connection: Connection,
  script: MigrationScript,
  before: ReturnType<typeof readDangling>,
): void {
  const added = [...readDangling(connection)]
    .map(([identity, now]) => ({ ...now, rows: now.rows - (before.get(identity)?.rows ?? 0n) }))
    .filter(({ rows }) => rows > 0n);
  const [first] = added;
  if (!first) return;
  const { child, parent } = first.key;
  if (first.isMismatch) {
    const message = `${parent} has no unique key for the reference from ${child} afterwards`;
    throw prefixed(script, new StoreError("MIGRATION_FAILED", message));
  }
  const total = added.reduce((sum, { rows }) => sum + rows, 0n);
  const old = before.size > 0 ? ", beside those that did so before" : "";
  const message =
    `${total} references point to nothing afterwards${old}, ` +
    `the first from ${child} to ${parent}`;
  throw prefixed(script, new StoreError("MIGRATION_FAILED", message));
}

function prefixed({ file }: MigrationScript, { code, message }: StoreError): StoreError {
  return new StoreError(code, `${file}: ${message}`);
}

// SQL text of the triggers that every table of ours has: they see what other programs write, and what
// triggers of others do inside our own transactions. Pure: migrations are written from this, and
// nothing here runs SQL.

import { sqlName } from "./sql-name.ts";

/** A trigger and its CREATE statement, without the semicolon after it. */
export interface Trigger {
  readonly name: string;
  readonly sql: string;
}

/** A table and the column that is its INTEGER PRIMARY KEY. */
interface KeyedTable {
  readonly table: string;
  readonly key: string;
}

/** The columns that fields have, if they are known: an update that leaves them as they are is none. */
interface WithColumns {
  readonly columns?: readonly { readonly name: string }[];
}

/** A child table: its rows are part of the row whose key is in `parentKey`. */
interface ChildTable extends KeyedTable {
  readonly parentKey: string;
}

/** The values of `store_state.writing`: who may be writing, as the triggers see it. */
export const WRITING = {
  /** Other programs: every write is theirs. */
  outside: 0,
  /** Our transaction, in which nobody else's code can run: the triggers rest. */
  own: 1,
  /** Our transaction, in which triggers of others may write too: what leaves `revision` is theirs. */
  watched: 2,
} as const;

const NOW = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')";
const REVISION = "(SELECT revision FROM store_state)";
const NEXT_REVISION = "UPDATE store_state SET revision = revision + 1 WHERE writing = 0;";
const IS_UNMARKED = "revision IS NEW.revision";
const WATCHED = "(SELECT writing <> 1 FROM store_state)";

/** The triggers of a resource table. */
export function resourceTriggers({
  table: name,
  key: keyName,
  columns,
}: KeyedTable & WithColumns): Trigger[] {
  const [table, key] = [sqlName(name), sqlName(keyName)];
  const isChanged = changeOf([keyName, "data", "created_at", "updated_at"], columns);
  return [
    trigger(
      `${name}_outside_insert`,
      `AFTER INSERT ON ${table}
WHEN (SELECT writing = 0 OR (writing = 2 AND NEW.revision IS NULL) FROM store_state)`,
      `  ${NEXT_REVISION}
  UPDATE ${table}
  SET wire = NULL, revision = ${REVISION}, created_at = ${NOW}, updated_at = ${NOW}
  WHERE ${key} = NEW.${key};
${refuseUnmarked(table, `${key} = NEW.${key}`, IS_UNMARKED)}`,
    ),
    // The update in the trigger itself sets the revision and leaves no bytes.
    trigger(
      `${name}_outside_update`,
      `AFTER UPDATE ON ${table}
WHEN ${WATCHED} AND (
  (NEW.revision IS OLD.revision${isChanged && ` AND (${isChanged})`})
  OR (NEW.wire IS NOT NULL AND (NEW.wire IS NOT OLD.wire OR NEW.revision IS NOT OLD.revision)
    AND (SELECT writing = 0 FROM store_state))
)`,
      `  ${NEXT_REVISION}
  UPDATE ${table}
  SET wire = NULL, revision = ${REVISION}, updated_at = ${NOW}
  WHERE ${key} = NEW.${key};
${refuseUnmarked(table, `${key} = NEW.${key}`, `${IS_UNMARKED} AND (SELECT writing = 0 FROM store_state)`)}
${rememberMoved(name, key)}`,
    ),
    trigger(
      `${name}_delete`,
      `AFTER DELETE ON ${table}`,
      `${rememberDeleted(name, key)}
  ${NEXT_REVISION}`,
    ),
  ];
}

/** The triggers of a child table: changing a row changes the row that it is part of. */
export function childTriggers(child: ChildTable & WithColumns, parent: KeyedTable): Trigger[] {
  const { table: name } = child;
  const isChanged = changeOf([child.key, child.parentKey, "data"], child.columns);
  const [table, key, parentKey] = [name, child.key, child.parentKey].map(sqlName) as [
    string,
    string,
    string,
  ];
  const replaced = `
    UNION SELECT parent_key FROM store_replaced
    WHERE table_name = '${name}' AND NOT EXISTS (
      SELECT 1 FROM ${table} WHERE ${key} = store_replaced.key AND ${parentKey} = store_replaced.parent_key
    )`;
  const [parentTable, ownKey] = [sqlName(parent.table), sqlName(parent.key)];
  const change = (parents: string, others = "") => `  ${NEXT_REVISION}
  UPDATE ${parentTable}
  SET wire = NULL, revision = ${REVISION}, updated_at = ${NOW}
  WHERE ${ownKey} IN (
    ${parents}${others}
  );
${refuseUnmarked(parentTable, `${ownKey} IN (${parents})`)}`;
  const forget = `  DELETE FROM store_replaced WHERE table_name = '${name}';`;
  return [
    // REPLACE deletes rows without a word to the triggers of a program that has not asked for them.
    trigger(
      `${name}_before_insert`,
      `BEFORE INSERT ON ${table}\nWHEN ${WATCHED}`,
      noteReplaced(child, "key", `${key} = NEW.${key}`),
    ),
    trigger(
      `${name}_before_update`,
      // UPDATE OF would not see a key that is set as `rowid`.
      `BEFORE UPDATE ON ${table}\nWHEN ${WATCHED} AND NEW.${key} <> OLD.${key}`,
      noteReplaced(child, "key", `${key} = NEW.${key}`),
    ),
    trigger(
      `${name}_outside_insert`,
      `AFTER INSERT ON ${table}\nWHEN ${WATCHED}`,
      `${change(`SELECT NEW.${parentKey}`, replaced)}
${forget}`,
    ),
    trigger(
      `${name}_outside_update`,
      `AFTER UPDATE ON ${table}\nWHEN ${WATCHED}${isChanged && ` AND (${isChanged})`}`,
      `${change(`SELECT NEW.${parentKey} UNION SELECT OLD.${parentKey}`, replaced)}
${rememberMoved(name, key)}
${forget}`,
    ),
    trigger(
      `${name}_outside_delete`,
      `AFTER DELETE ON ${table}\nWHEN ${WATCHED}`,
      // What a statement that was ignored has noted is not replaced, but deleted.
      `${change(`SELECT OLD.${parentKey}`)}
  DELETE FROM store_replaced WHERE table_name = '${name}' AND key = OLD.${key};`,
    ),
    trigger(`${name}_delete`, `AFTER DELETE ON ${table}`, rememberDeleted(name, key)),
  ];
}

/** The names of the triggers of `guardTriggers`. */
export function guardNames(table: string): readonly [insert: string, update: string] {
  return [`${table}_unique_insert`, `${table}_unique_update`];
}

/**
 * The triggers that a table needs beside those above if somebody has given it unique keys: REPLACE by
 * one of them removes a row of another key. Each of `conflicts` is true for the rows that are in the
 * way of the new one.
 */
export function guardTriggers(
  guarded: KeyedTable & Partial<ChildTable>,
  conflicts: readonly string[],
): Trigger[] {
  const { table: name } = guarded;
  const [table, key] = [sqlName(name), sqlName(guarded.key)];
  const conflict = conflicts.map((condition) => `(${condition})`).join(" OR ");
  const body = (condition: string) => `${noteReplaced(guarded, "unique", condition)}
  INSERT INTO id_high_water (table_name, last_id)
  SELECT '${name}', max(${key}) FROM ${table} WHERE ${condition} HAVING count(*) > 0
  ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id, excluded.last_id);`;
  const [insert, update] = guardNames(name);
  return [
    trigger(insert, `BEFORE INSERT ON ${table}\nWHEN ${WATCHED}`, body(`(${conflict})`)),
    trigger(
      update,
      `BEFORE UPDATE ON ${table}\nWHEN ${WATCHED}`,
      body(`(${conflict}) AND ${key} <> OLD.${key}`),
    ),
  ];
}

/** The condition that a row has changed, whatever the collations of its columns call equal. */
function changeOf(own: readonly string[], columns: WithColumns["columns"]): string {
  if (!columns) return "";
  return [...own, ...columns.map(({ name }) => name)].map(changeTest).join("\n    OR ");
}

/** The test that a column has changed. */
export function changeTest(column: string): string {
  const name = sqlName(column);
  return `NEW.${name} COLLATE BINARY IS NOT OLD.${name}`;
}

/** True for a trigger that looks whether a row has changed. */
export function comparesRows(sql: string): boolean {
  return sql.includes(changeTest("data"));
}

function trigger(name: string, event: string, body: string): Trigger {
  return { name, sql: `CREATE TRIGGER ${name} ${event}\nBEGIN\n${body}\nEND` };
}

/**
 * A trigger of others may ignore our update: bytes that are out of date must not stay, nor a revision
 * that does not tell of the change.
 */
function refuseUnmarked(table: string, condition: string, isUnmarked?: string): string {
  const isLeft = isUnmarked ? `(wire IS NOT NULL OR (${isUnmarked}))` : "wire IS NOT NULL";
  return `  SELECT RAISE(ABORT, 'another trigger keeps this change from being noticed')
  WHERE EXISTS (SELECT 1 FROM ${table} WHERE ${condition} AND ${isLeft});`;
}

/** A key that was deleted is never given again. */
function rememberDeleted(table: string, key: string): string {
  return `  INSERT INTO id_high_water (table_name, last_id) VALUES ('${table}', OLD.${key})
  ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id, excluded.last_id);`;
}

/** Nor is one that was changed into another. */
function rememberMoved(table: string, key: string): string {
  return `  INSERT INTO id_high_water (table_name, last_id)
  SELECT '${table}', OLD.${key} WHERE NEW.${key} <> OLD.${key}
  ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id, excluded.last_id);`;
}

/** Notes the rows that the statement would replace; whether it did is seen after it. */
function noteReplaced(
  { table, key, parentKey }: KeyedTable & Partial<ChildTable>,
  foundBy: "key" | "unique",
  condition: string,
): string {
  const parent = parentKey === undefined ? "NULL" : sqlName(parentKey);
  return `  DELETE FROM store_replaced WHERE table_name = '${table}' AND found_by = '${foundBy}';
  INSERT INTO store_replaced (table_name, found_by, key, parent_key)
  SELECT '${table}', '${foundBy}', ${sqlName(key)}, ${parent} FROM ${sqlName(table)} WHERE ${condition};`;
}

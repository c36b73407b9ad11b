// Random statements of another program: every form in which SQLite writes rows, over every table, with
// keys and values that meet the ones that are there.
// Makes text only: nothing is run here.

import type { Random } from "../durability/random.ts";
import {
  brokenLiteral,
  type Column,
  type KeysOf,
  randomJson,
  randomKey,
  randomLiteral,
  TABLES,
  type Table,
} from "./tables.ts";
import { USER_TRIGGERS } from "./user-triggers.ts";

/** What another program does on a connection of its own. */
export interface SqlStep {
  readonly kind: "sql";
  readonly foreignKeys: boolean;
  readonly recursiveTriggers: boolean;
  /** One after the other; one that fails does not keep the next from being run. */
  readonly statements: readonly string[];
}

const CONFLICTS = ["", "", " OR REPLACE", " OR IGNORE", " OR ABORT", " OR ROLLBACK", " OR FAIL"];

/** What statements are made for. */
export interface StatementContext {
  readonly keysOf: KeysOf;
  /** Whether values may be written that no field can hold. */
  readonly hasBroken: boolean;
  /** The tables that are of interest more than the others. */
  readonly favorites: readonly Table[];
}

/** A step at random: most often one statement, sometimes a transaction with savepoints. */
export function randomSql(random: Random, context: StatementContext): SqlStep {
  if (context.hasBroken && random.chance(0.05)) return randomBreak(random, context.keysOf);
  if (random.chance(0.01)) return randomSchemaChange(random);
  const statements = random.chance(0.15)
    ? randomTransaction(random, context)
    : [randomStatement(random, context)];
  return {
    kind: "sql",
    foreignKeys: random.chance(0.7),
    recursiveTriggers: random.chance(0.5),
    statements,
  };
}

/** Puts a value into a row that its field cannot hold. */
function randomBreak(random: Random, keysOf: KeysOf): SqlStep {
  const table = random.pick(TABLES.filter(({ key }) => key));
  const column = random.pick(table.columns.filter(({ refers }) => !refers));
  const set = `${column.name} = ${brokenLiteral(column)}`;
  const key = randomKey(random, keysOf(table.name));
  const statements = [`UPDATE ${table.name} SET ${set} WHERE ${table.key} = ${key}`];
  return { kind: "sql", foreignKeys: true, recursiveTriggers: false, statements };
}

/** A trigger or an index of a user that comes, or goes, while the file is served. */
function randomSchemaChange(random: Random): SqlStep {
  const name = random.pick(Object.keys(USER_TRIGGERS));
  const statement = random.pick([
    USER_TRIGGERS[name]?.sql ?? "",
    `DROP TRIGGER IF EXISTS user_${name}`,
    "CREATE UNIQUE INDEX IF NOT EXISTS user_late ON artists (Name, data)",
    "DROP INDEX IF EXISTS user_late",
  ]);
  return { kind: "sql", foreignKeys: true, recursiveTriggers: false, statements: [statement] };
}

function randomTransaction(random: Random, context: StatementContext): string[] {
  const some = () =>
    Array.from({ length: 1 + random.below(2) }, () => randomStatement(random, context));
  const middle = random.chance(0.5)
    ? [...some(), "SAVEPOINT a", ...some(), random.pick(["ROLLBACK TO a", "RELEASE a"])]
    : some();
  return ["BEGIN", ...middle, ...some(), random.pick(["COMMIT", "COMMIT", "ROLLBACK"])];
}

function randomStatement(random: Random, { keysOf, favorites }: StatementContext): string {
  const isFavorite = favorites.length > 0 && random.chance(0.4);
  const table = random.pick(isFavorite ? favorites : TABLES);
  const forms = [insert, insert, insert, upsert, update, update, update, remove, changeKey, copy];
  if (random.chance(0.1)) return updateFrom(table, random, keysOf);
  return random.pick(forms)(table, random, keysOf);
}

/** The columns that an insert fills: those that must be, and some of the others. */
function insertColumns(table: Table, random: Random): Column[] {
  const some = table.columns.filter(({ nullable }) => !nullable || random.chance(0.5));
  return some.length > 0 ? some : table.columns.slice(0, 1);
}

function rowsOf(
  table: Table,
  random: Random,
  keysOf: KeysOf,
): { readonly names: string; readonly rows: string } {
  const columns = insertColumns(table, random);
  const withKey = table.key !== undefined && random.chance(0.6);
  const withJson = table.json.length > 0 && random.chance(0.4);
  const names = columns.map(({ name }) => name);
  if (withKey) names.unshift(table.key as string);
  if (withJson) names.push("data");
  const row = () => {
    const values = columns.map((column) => randomLiteral(column, random, keysOf));
    if (withKey) values.unshift(String(randomKey(random, keysOf(table.name))));
    if (withJson) values.push(randomJson(table, random));
    return `(${values.join(", ")})`;
  };
  const count = random.chance(0.7) ? 1 : 2 + random.below(2);
  return { names: names.join(", "), rows: Array.from({ length: count }, row).join(", ") };
}

function insert(table: Table, random: Random, keysOf: KeysOf): string {
  const { names, rows } = rowsOf(table, random, keysOf);
  const verb = random.chance(0.2) ? "REPLACE" : `INSERT${random.pick(CONFLICTS)}`;
  return `${verb} INTO ${table.name} (${names}) VALUES ${rows}`;
}

function upsert(table: Table, random: Random, keysOf: KeysOf): string {
  const { names, rows } = rowsOf(table, random, keysOf);
  const target = table.key && random.chance(0.5) ? ` (${table.key})` : "";
  const { name } = random.pick(table.columns);
  const action = random.pick([
    "DO NOTHING",
    `DO UPDATE SET ${name} = excluded.${name}`,
    `DO UPDATE SET ${assignments(table, random, keysOf)}`,
  ]);
  return `INSERT INTO ${table.name} (${names}) VALUES ${rows} ON CONFLICT${target} ${action}`;
}

function assignments(table: Table, random: Random, keysOf: KeysOf): string {
  const column = random.pick(table.columns);
  const forms = [`${column.name} = ${randomLiteral(column, random, keysOf)}`];
  if (random.chance(0.3)) forms.push(`${column.name} = ${column.name}`);
  if (table.json.length > 0 && random.chance(0.3)) {
    forms.push(`data = ${randomJson(table, random)}`, "data = data");
  }
  const other = random.pick(table.columns);
  const second =
    other !== column && random.chance(0.3)
      ? `, ${other.name} = ${randomLiteral(other, random, keysOf)}`
      : "";
  return random.pick(forms) + second;
}

function where(table: Table, random: Random, keysOf: KeysOf): string {
  const key = table.key ?? random.pick(table.columns).name;
  const column = random.pick(table.columns);
  const one = randomKey(random, keysOf(table.name));
  return random.pick([
    ` WHERE ${key} = ${one}`,
    ` WHERE ${key} = ${one}`,
    ` WHERE ${key} IN (${one}, ${randomKey(random, keysOf(table.name))})`,
    ` WHERE ${key} % 2 = ${random.below(2)}`,
    ` WHERE ${column.name} = ${randomLiteral(column, random, keysOf)}`,
    random.chance(0.3) ? "" : ` WHERE ${key} > ${one}`,
  ]);
}

function update(table: Table, random: Random, keysOf: KeysOf): string {
  const verb = `UPDATE${random.pick(CONFLICTS)}`;
  const set = assignments(table, random, keysOf);
  return `${verb} ${table.name} SET ${set}${where(table, random, keysOf)}`;
}

function remove(table: Table, random: Random, keysOf: KeysOf): string {
  const returning = random.chance(0.2) ? " RETURNING 1" : "";
  return `DELETE FROM ${table.name}${where(table, random, keysOf)}${returning}`;
}

function changeKey(table: Table, random: Random, keysOf: KeysOf): string {
  const { key } = table;
  if (!key) return update(table, random, keysOf);
  const verb = `UPDATE${random.pick(CONFLICTS)}`;
  const to = random.pick([String(randomKey(random, keysOf(table.name))), `${key} + 3`, `-${key}`]);
  return `${verb} ${table.name} SET ${key} = ${to}${where(table, random, keysOf)}`;
}

/** Values of one row given to others, by key, by its other name, or to the row itself. */
function updateFrom(table: Table, random: Random, keysOf: KeysOf): string {
  const { name } = random.pick(table.columns);
  const key = table.key ?? "rowid";
  const [from, to] = [0, 1].map(() => randomKey(random, keysOf(table.name)));
  const verb = `UPDATE${random.pick(CONFLICTS)} ${table.name}`;
  return random.pick([
    `${verb} SET rowid = ${from} WHERE _rowid_ = ${to}`,
    `${verb} SET (${name}, oid) = (SELECT ${name}, ${from}) WHERE oid = ${to}`,
    `${verb} SET ${name} = other.${name} FROM ${table.name} AS other WHERE other.${key} = ${from} AND ${table.name}.${key} = ${to}`,
    `${verb} SET ${name} = (SELECT max(${name}) FROM ${table.name}) WHERE ${key} >= ${to}`,
    `${verb} SET (${name}, ${key}) = (SELECT ${name}, ${from}) WHERE oid = ${to}`,
  ]);
}

/** Rows made of rows, sometimes with all that the service keeps beside them. */
function copy(table: Table, random: Random, keysOf: KeysOf): string {
  const names = table.columns.map(({ name }) => name);
  const { key, name } = table;
  if (table.json.length > 0) names.push("data");
  if (table.json.length > 0 && name !== "invoice_items" && random.chance(0.3)) {
    names.push("wire", "revision", "created_at", "updated_at");
  }
  const verb = `INSERT${random.pick(CONFLICTS)}`;
  if (!key) return `${verb} INTO ${name} SELECT PlaylistId, TrackId + 1 FROM ${name}`;
  const from = `FROM ${name}${where(table, random, keysOf)} LIMIT 3`;
  const list = names.join(", ");
  const offset = random.pick(["+ 1", "+ 10", ""]);
  return `${verb} INTO ${name} (${key}, ${list}) SELECT ${key} ${offset}, ${list} ${from}`;
}

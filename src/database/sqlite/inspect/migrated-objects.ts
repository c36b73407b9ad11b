// Compares the triggers and views of a database with those that its migrations make: one that was
// replaced by something of the same name is not what its name says. Mends nothing.

import type { Connection } from "../connection/connection.ts";
import { readSchema, type SchemaObject } from "../migrate/migrated-schema.ts";
import { foldSql } from "./sql-definition.ts";

/** The triggers and views of a schema by name, in lower case as SQLite compares names. */
export type MigratedObjects = ReadonlyMap<string, SchemaObject>;

/** Those of `schema` whose text says what they do. */
export function triggersAndViews(schema: readonly SchemaObject[]): MigratedObjects {
  const objects = schema.filter(({ type }) => type === "trigger" || type === "view");
  return new Map(objects.map((object) => [object.name.toLowerCase(), object]));
}

/** An object that is not as it must be, and the line that says so. */
interface ObjectDifference {
  readonly name: string;
  readonly line: string;
}

/** What differs from `expected` in the database; objects of its owner do not count. */
export function compareObjects(
  connection: Connection,
  expected: MigratedObjects,
): ObjectDifference[] {
  const found = triggersAndViews(readSchema(connection));
  return [...expected].flatMap(([key, { type, name, table, sql }]) => {
    const object = found.get(key);
    const place = type === "trigger" ? table : "the database";
    if (object?.type !== type) return [{ name, line: `${place} has no ${type} ${name}` }];
    const same = foldSql(object.sql ?? "") === foldSql(sql ?? "");
    if (same && object.table.toLowerCase() === table.toLowerCase()) return [];
    const line =
      `the ${type} ${name} is not as the migrations made it: drop it, and make it anew ` +
      "with the text of its migration";
    return [{ name, line }];
  });
}

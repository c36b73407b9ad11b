// What migrations change in a schema, by comparing it before and after. Pure: how they are tried without
// changing the database is the driver's affair.

import type { MigrationReport } from "./migrate.ts";

/** An object of a schema, with a text that differs if it does. */
export interface PlannedObject {
  readonly type: string;
  readonly name: string;
  readonly definition: string;
}

/** A table, index, view, trigger or other object that the migrations would change. */
export interface SchemaChange {
  readonly change: "added" | "removed" | "changed";
  readonly type: string;
  readonly name: string;
}

/** What going up would do. */
export interface MigrationPlan extends Omit<MigrationReport, "migrations"> {
  /** The names of the migrations, in order. */
  readonly migrations: readonly string[];
  readonly changes: readonly SchemaChange[];
}

/** The plan that running the migrations on trial has shown. */
export function toPlan(
  report: MigrationReport,
  before: readonly PlannedObject[],
  after: readonly PlannedObject[],
): MigrationPlan {
  return {
    ...report,
    migrations: report.migrations.map(({ name }) => name),
    changes: compareSchemas(byName(before), byName(after)),
  };
}

function byName(objects: readonly PlannedObject[]): ReadonlyMap<string, PlannedObject> {
  return new Map(objects.map((object) => [`${object.type} ${object.name}`, object]));
}

function compareSchemas(
  before: ReadonlyMap<string, PlannedObject>,
  after: ReadonlyMap<string, PlannedObject>,
): readonly SchemaChange[] {
  const changes: SchemaChange[] = [];
  for (const [key, { type, name, definition }] of after) {
    const old = before.get(key);
    if (!old) changes.push({ change: "added", type, name });
    else if (old.definition !== definition) changes.push({ change: "changed", type, name });
  }
  for (const [key, { type, name }] of before) {
    if (!after.has(key)) changes.push({ change: "removed", type, name });
  }
  return changes;
}

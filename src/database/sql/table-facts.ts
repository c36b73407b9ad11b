// Which generated columns filters and orders may use in place of a field: those that hold exactly what
// a statement would compute. Judges by the text of the expression; runs nothing.

import type { DescField } from "@bufbuild/protobuf";
import type { DescribeTable, TableDescription } from "../../schema/drift.ts";
import type { ResourcePlan, TablePlan } from "../../schema/plan.ts";
import { sqlName } from "../../schema/sql-name.ts";
import type { Dialect } from "./dialect.ts";
import { generatedColumn } from "./filter/generated-column.ts";
import { jsonLabel, type TableFacts } from "./filter/source.ts";

/** What the table of a resource is beside its plan; nothing if there is no such table. */
export function readTableFacts(
  plan: ResourcePlan,
  describe: DescribeTable,
  dialect: Dialect,
): Required<TableFacts> {
  const table = describe(plan.table);
  const notNull = table?.columns.filter((column) => column.notNull).map(({ name }) => name) ?? [];
  return {
    dialect,
    generated: table ? generatedColumns(plan, table, dialect) : new Map(),
    notNull: new Set(notNull),
    collated: new Set([plan, ...plan.children].flatMap((each) => collatedColumns(each, describe))),
  };
}

/** The columns of a plan that do not compare by the bytes of their texts. */
function collatedColumns({ table, columns }: TablePlan, describe: DescribeTable): string[] {
  const collated = describe(table)?.columns.filter(
    ({ collation = BINARY }) => collation !== BINARY,
  );
  const names = new Set(collated?.map(({ name }) => name.toLowerCase()));
  return columns
    .filter(({ name }) => names.has(name.toLowerCase()))
    .map(({ name }) => `${table}.${name}`);
}

const BINARY = "BINARY";

/** The generated columns by what they stand for. */
function generatedColumns(
  plan: ResourcePlan,
  { columns }: TableDescription,
  dialect: Dialect,
): ReadonlyMap<string, string> {
  const found = columns.flatMap(({ name, type, expression }) => {
    if (expression === undefined || !IDENTIFIER.test(name)) return [];
    if (!keepsValue(type, expression)) return [];
    const wanted = pathsIn(plan, expression).map((path) => generatedColumn(plan, path, dialect));
    const match = wanted.find((column) => column?.expression === expression);
    return match ? [[match.key, sqlName(name)] as const] : [];
  });
  return new Map(found);
}

/** A type of its own may turn the value into another one, such as "12" into 12. */
function keepsValue(type: string, expression: string): boolean {
  return type === "" || (type === "INTEGER" && /^CAST\(.* AS INTEGER\)$/.test(expression));
}

/** Names of columns become part of SQL text. */
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The paths of the fields that an expression, or the name of a column, may be about. */
export function pathsIn(plan: ResourcePlan, expression: string): readonly string[] {
  const json = [...expression.matchAll(/'(\$[^']*)'/g)].flatMap(
    ([, path = ""]) => fieldPath(plan, path) ?? [],
  );
  const words = new Set(expression.match(/[A-Za-z_][A-Za-z0-9_]*/g)?.map((w) => w.toLowerCase()));
  const columns = plan.columns
    .filter(({ name }) => words.has(name.toLowerCase()))
    .map(({ field }) => field.name);
  // The longest path is that of the field: the others are of the messages that it is in.
  return [...json.sort((a, b) => b.length - a.length), ...columns];
}

/** `$.loyalty.points` → `loyalty.points`; undefined if it leads to no field. */
function fieldPath(plan: ResourcePlan, path: string): string | undefined {
  const go = (candidates: readonly DescField[], prefix: string): string | undefined => {
    for (const field of candidates) {
      const here = prefix + jsonLabel(field);
      if (here === path) return field.name;
      const isInside = field.fieldKind === "message" && path.startsWith(`${here}.`);
      const rest = isInside ? go(field.message.fields, here) : undefined;
      if (rest !== undefined) return `${field.name}.${rest}`;
    }
    return undefined;
  };
  return go(plan.dataFields, "$");
}

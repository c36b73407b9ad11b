// A checked filter → the condition of a WHERE clause. Every restriction is true or not true: what is
// not true (false, or NULL for want of a value) is true under NOT, so that no third value is seen.

import type { DescField } from "@bufbuild/protobuf";
import { type Condition, searchColumns, type Test } from "../../../query/filter/checker.ts";
import { hasPresence, shapeOf } from "../../../query/filter/kinds.ts";
import { EXACT_BYTES, type Step } from "../../../query/filter/place.ts";
import type { ResourcePlan } from "../../../schema/plan.ts";
import { sqlName } from "../../../schema/sql-name.ts";
import type { Leaf, Value } from "../../../schema/types/leaf.ts";
import type { Dialect } from "../dialect.ts";
import { comparable } from "./comparable.ts";
import { compareValue } from "./compare.ts";
import { hasValue } from "./compare-column.ts";
import { compareJson } from "./compare-json.ts";
import type { Comparison } from "./compare-rows.ts";
import { type Fragment, fragment, joinFragments, sqlString } from "./fragment.ts";
import {
  type ElementSource,
  enterField,
  inJson,
  type JsonSource,
  type Source,
  type TableFacts,
} from "./source.ts";

/** The condition as SQL, for a statement in which the plan's table has its own name. */
export function toSql(plan: ResourcePlan, condition: Condition, facts: TableFacts): Fragment {
  switch (condition.kind) {
    case "and":
    case "or": {
      const terms = condition.terms.map((term) => toSql(plan, term, facts));
      return joinFragments(condition.kind === "and" ? "AND" : "OR", terms);
    }
    case "not": {
      const { sql, parameters } = toSql(plan, condition.term, facts);
      return fragment(`((${sql}) IS NOT TRUE)`, parameters);
    }
    case "search":
      return search(plan, condition.text, facts.dialect);
    case "restriction": {
      const root: Source = { kind: "row", plan, alias: plan.sql.table };
      return walk({ steps: condition.steps, test: condition.test, facts }, 0, root, 0, undefined);
    }
  }
}

function search(plan: ResourcePlan, text: string, dialect: Dialect): Fragment {
  const { table } = plan.sql;
  const columns = searchColumns(plan).map(({ sqlName }) => `${table}.${sqlName}`);
  return joinFragments(
    "OR",
    columns.map((column) => dialect.contains(column, text)),
  );
}

interface Restriction {
  readonly steps: readonly Step[];
  readonly test: Test;
  readonly facts: TableFacts;
}

/** Goes on from the step `at`; `level` counts the subqueries around it, whose aliases it names. */
function walk(
  restriction: Restriction,
  at: number,
  source: Source,
  level: number,
  field: DescField | undefined,
): Fragment {
  const step = restriction.steps[at];
  if (!step) return applyTest(restriction, source, level, field);
  if (step.kind === "field") {
    const next = enterField(source, step.field, restriction.facts);
    return walk(restriction, at + 1, next, level, step.field);
  }
  const alias = `e${level + 1}`;
  if (source.kind === "children") {
    const { child, parentKey } = source;
    const row: Source = { kind: "row", plan: child, alias };
    const rest = walk(restriction, at + 1, row, level + 1, undefined);
    return exists(`${child.sql.table} AS ${alias}`, [
      fragment(`${alias}.${sqlName(child.parentKey)} = ${parentKey}`),
      rest,
    ]);
  }
  const list = inJson(source);
  const { dialect } = restriction.facts;
  const element: Source = { kind: "element", alias, dialect };
  const rest = walk(restriction, at + 1, element, level + 1, undefined);
  if (step.kind === "item") {
    const kind = field?.fieldKind;
    const isListOnly = list.kind === "element" || list.mayBeBytes;
    // Only at the top: SQLite takes no filter that has a second condition at each of 32 levels.
    const isAsked = level === 0 && !isListOnly && (kind === "list" || kind === "map");
    const isElement = isAsked ? fragment(dialect.isElementOf(alias, kind)) : TRUE;
    return exists(`${dialect.jsonEach(list, isListOnly)} AS ${alias}`, [isElement, rest]);
  }
  const name = step.kind === "key" ? step.key : step.name;
  return exists(`${dialect.jsonEach(list, false)} AS ${alias}`, [
    fragment(`${alias}.key = ?`, [name]),
    rest,
  ]);
}

function exists(from: string, conditions: readonly Fragment[]): Fragment {
  const all = conditions.filter(({ sql }) => sql !== TRUE.sql);
  const where = all.length === 0 ? "" : ` WHERE ${all.map(({ sql }) => sql).join(" AND ")}`;
  return fragment(
    `EXISTS (SELECT 1 FROM ${from}${where})`,
    all.flatMap(({ parameters }) => parameters),
  );
}

const TRUE = fragment("TRUE");

function applyTest(
  { test, facts }: Restriction,
  source: Source,
  level: number,
  field: DescField | undefined,
): Fragment {
  switch (test.kind) {
    case "exists":
      return TRUE;
    case "present":
      return isPresent(source, field);
    case "compare": {
      if (test.leaf.kind === "value") {
        return compareJson(inJson(source), test.operator, test.value, level);
      }
      const operator: Comparison = test.operator === ":" ? "=" : test.operator;
      const comparison = compareValue(source, test.leaf, operator, test.value, facts.dialect);
      const isImplicit = field !== undefined && !hasPresence(field);
      if (
        test.leaf.kind === "reference" &&
        !test.leaf.own &&
        !isImplicit &&
        isNullKey(test.value)
      ) {
        // "" is what is not set, which a field with presence is skipped for.
        return operator === "=" ? fragment("FALSE") : comparison;
      }
      if (!isImplicit || !defaultMatches(test, operator)) return comparison;
      return orMissing(source, comparison, facts);
    }
  }
}

function isNullKey(value: Value): boolean {
  return value.kind === "key" && value.key === null;
}

function isPresent(source: Source, field: DescField | undefined): Fragment {
  if (source.kind === "part") return fragment(`${source.sql} IS NOT NULL`);
  if (source.kind === "column") {
    const { leaf } = field ? (shapeOf(field) as { readonly leaf?: Leaf }) : {};
    const isKey = !source.column || source.column.reference;
    return isKey || !leaf ? fragment(`${source.sql} IS NOT NULL`) : hasValue(source, leaf);
  }
  const value = inJson(source);
  const { dialect } = value;
  const type = dialect.jsonType(value);
  if (!field) return fragment(`${type} <> 'null'`);
  const shape = shapeOf(field);
  switch (shape.shape) {
    case "message":
    case "struct":
      return fragment(`${type} = 'object'`);
    case "leaf": {
      // JSON's null is a value of google.protobuf.Value, and of no other field.
      if (shape.leaf.kind === "value") return fragment(`${type} IS NOT NULL`);
      const isValue = hasJsonValue(value, shape.leaf);
      if (value.kind !== "json" || !value.mayBeBytes) return fragment(isValue);
      const bytes = dialect.jsonType(dialect.jsonMember(value, `."${EXACT_BYTES}"`));
      return fragment(`(${bytes} = 'text' OR ${isValue})`);
    }
    default:
      return fragment(`${type} <> 'null'`);
  }
}

function hasJsonValue(source: JsonSource | ElementSource, leaf: Leaf): string {
  const [value = "NULL"] = comparable(source, leaf);
  if (leaf.kind !== "enum") return `${value} IS NOT NULL`;
  // A name that the enum does not have is no value.
  const names = leaf.desc.values.map(({ name }) => sqlString(name)).join(", ");
  return `(${source.dialect.isInteger(value)} OR ${value} IN (${names}))`;
}

/** The comparison, or true where an implicit field is absent from a message that is set. */
function orMissing(source: Source, comparison: Fragment, facts: TableFacts): Fragment {
  const { sql, parameters } = comparison;
  if (source.kind === "part") return comparison;
  if (source.kind === "column") {
    const name = source.column?.name;
    if (name === undefined || facts.notNull?.has(name)) return comparison;
    return fragment(`(${source.sql} IS NULL OR ${sql})`, parameters);
  }
  if (source.kind !== "json") return comparison;
  // A value that cannot be read is NULL too, but is not missing.
  const isMissing = [
    ...(source.generated === undefined ? [] : [`${source.generated} IS NULL`]),
    `coalesce(${source.dialect.jsonType(source)}, 'null') = 'null'`,
    ...(source.isReadable === undefined ? [] : [source.isReadable]),
  ].join(" AND ");
  const orMissing = `((${isMissing}) OR ${sql})`;
  return fragment(
    source.within === undefined ? orMissing : `(${source.within} AND ${orMissing})`,
    parameters,
  );
}

/** True if a field that is not set compares so. */
function defaultMatches(
  { leaf, value }: Extract<Test, { kind: "compare" }>,
  operator: Comparison,
): boolean {
  const order = compareDefault(value, leaf.kind === "reference" || leaf.kind === "etag");
  switch (operator) {
    case "=":
      return order === 0;
    case "!=":
      return order !== 0;
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case ">":
      return order > 0;
    case ">=":
      return order >= 0;
  }
}

/** How the default compares with `value`: negative if it is less, 0 if it is equal. */
function compareDefault(value: Value, isKey: boolean): number {
  switch (value.kind) {
    case "text":
      return value.pieces.every((piece) => piece === "") ? 0 : -1;
    case "range":
      return value.sign === 0 ? 0 : -value.sign;
    case "bool":
      return value.value ? -1 : 0;
    case "enum":
      return value.number === 0 ? 0 : -1;
    case "key":
      return isKey && value.key === null ? 0 : -1;
    case "timestamp":
    case "date":
    case "json":
      throw new Error(`a field with a ${value.kind} always has presence`);
  }
}

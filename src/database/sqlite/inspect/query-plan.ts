// Reads the lines of EXPLAIN QUERY PLAN: what is searched, scanned and sorted, in words of the API.
// Pure. No name of a table, a column or an index gets out: only types and fields of messages.

import type { DescribeTable, IndexDescription } from "../../../schema/drift.ts";
import type { ChildPlan, ResourcePlan, TablePlan } from "../../../schema/plan.ts";
import type { Explanation, StepKind } from "../../explanation.ts";
import { pathsIn } from "../../sql/table-facts.ts";

/** What SQLite would do for a statement. */
export interface QueryPlan {
  /** The details of each line, in order. */
  readonly details: readonly string[];
  readonly statistics: TableStatistics;
}

/** What is known of the size of the table that the statement reads. */
export interface TableStatistics {
  /** The number of rows, or an estimate. */
  readonly rows: bigint;
  /** By index, the rows that have the same first key, first two keys, …: of `sqlite_stat1`. */
  readonly perKey: ReadonlyMap<string, readonly bigint[]>;
}

/** A statement and what it is about. */
export interface ExplainedQuery {
  readonly plan: ResourcePlan;
  readonly sql: string;
  /** True if rows are chosen by a filter. */
  readonly isFiltered: boolean;
}

/** The lines about one statement in words of the API. */
export function explainPlan(
  query: ExplainedQuery,
  { details, statistics }: QueryPlan,
  describe: DescribeTable,
): Explanation {
  const found = details.flatMap((detail) => readDetail(detail, query, describe));
  const own = found.filter(({ plan }) => plan === query.plan);
  const looked = own.map((step) => estimate(step, statistics));
  const total = looked.reduce((sum, rows) => sum + rows, 0n);
  const isScanned = found.some(({ kind }) => kind === "scan" || kind === "scan-index");
  return {
    steps: found.map(({ kind, plan, fields }) => ({ kind, resourceType: typeOf(plan), fields })),
    estimatedRows: total < statistics.rows ? total : statistics.rows,
    indexed: !(query.isFiltered && isScanned) && found.every(({ kind }) => kind !== "sort"),
    isFiltered: query.isFiltered,
  };
}

interface FoundStep {
  readonly kind: StepKind;
  readonly plan: TablePlan;
  readonly fields: readonly string[];
  readonly index?: string;
  /** How the index is searched; absent if it is not. */
  readonly search?: Search;
}

/** The keys that must have one value each, and whether the next one has bounds. */
interface Search {
  readonly equal: number;
  readonly isRange: boolean;
}

const LINE =
  /^(?<kind>SEARCH|SCAN) (?<name>\S+)(?: EXISTS)?(?: USING (?<automatic>AUTOMATIC )?(?:PARTIAL )?(?:COVERING )?(?:INDEX (?<index>\S+)|INTEGER PRIMARY KEY))?(?<rest>.*)$/;

function readDetail(detail: string, query: ExplainedQuery, describe: DescribeTable): FoundStep[] {
  if (detail.startsWith("USE TEMP B-TREE FOR ")) {
    return [{ kind: "sort", plan: query.plan, fields: [] }];
  }
  const { kind, name = "", automatic, index, rest = "" } = LINE.exec(detail)?.groups ?? {};
  // The elements of a list or a map are in the row that is looked at anyway.
  if (kind === undefined || rest.includes("VIRTUAL TABLE INDEX")) return [];
  const plan = planNamed(name, query, index, describe);
  if (!plan) return [];
  // An automatic index is made by looking at every row.
  if (automatic !== undefined) return [{ kind: "scan", plan, fields: [] }];
  const keys = keysOf(plan, index, describe);
  if (kind === "SCAN") {
    const fields = toFields(plan, index === undefined ? [] : keys, describe);
    return [
      { kind: index === undefined ? "scan" : "scan-index", plan, fields, ...(index && { index }) },
    ];
  }
  const terms = (/\((?<terms>.*)\)/.exec(rest)?.groups?.terms ?? "").split(" AND ");
  const restricted = [...new Set(terms.map(keyOfTerm))];
  const isRange = terms.some((term) => !term.endsWith("=?") || /[<>]=?\?$/.test(term));
  const equal = terms.filter((term) => /[^<>]=\?$/.test(term)).length;
  const used = index === undefined ? [plan.key] : keys.slice(0, Math.max(restricted.length, 1));
  const step = { kind: "search" as const, plan, search: { equal, isRange } };
  return [{ ...step, fields: toFields(plan, used, describe), ...(index && { index }) }];
}

/** `isrc=?`, `isrc>?`, `ANY(isrc)`, `<expr>=?` → what stands before the sign. */
function keyOfTerm(term: string): string {
  return term.replace(/[<>=]+\?$/, "");
}

/** Statements name tables by their own name, but for those of subqueries: `order_lines AS e1`. */
function planNamed(
  name: string,
  { plan, sql }: ExplainedQuery,
  index: string | undefined,
  describe: DescribeTable,
): TablePlan | undefined {
  if (name === plan.table) return plan;
  const aliased = plan.children.filter((child) => sql.includes(`${child.sql.table} AS ${name} `));
  const hasIndex = ({ table }: ChildPlan) =>
    describe(table)?.indexes.some((candidate) => candidate.name === index) === true;
  return aliased.find(hasIndex) ?? aliased[0];
}

function keysOf(
  { table }: TablePlan,
  index: string | undefined,
  describe: DescribeTable,
): IndexDescription["keys"] {
  return describe(table)?.indexes.find(({ name }) => name === index)?.keys ?? [];
}

/** The fields that the keys of an index are about; a key that is no field's is left out. */
function toFields(
  plan: TablePlan,
  keys: readonly string[],
  describe: DescribeTable,
): readonly string[] {
  const columns = describe(plan.table)?.columns ?? [];
  // A key may be an expression over a generated column.
  const unfold = (key: string): string =>
    columns.reduce(
      (text, { name, expression }) =>
        expression === undefined ? text : text.replace(wordPattern(name), () => expression),
      key,
    );
  return [...new Set(keys.flatMap((key) => fieldOf(plan, unfold(key)) ?? []))];
}

/** A name as a word of its own, outside strings; `readTableFacts` lets only identifiers through. */
function wordPattern(name: string): RegExp {
  return new RegExp(`(?<![\\w.$'])${name.replaceAll(/[^\w]/g, "\\$&")}(?![\\w.'])`, "gi");
}

function fieldOf(plan: TablePlan, key: string): string | undefined {
  if (!isResource(plan)) {
    return plan.columns.find(({ name }) => name.toLowerCase() === key.toLowerCase())?.field.name;
  }
  const [path] = pathsIn(plan, key);
  if (path !== undefined) return path;
  const word = key.toLowerCase();
  return STANDARD.find(([name]) => word === (name ?? plan.key.toLowerCase()))?.[1];
}

/** The fields that the service itself fills; the name is that of the key. */
const STANDARD: readonly (readonly [string | undefined, string])[] = [
  ["created_at", "create_time"],
  ["updated_at", "update_time"],
  ["revision", "etag"],
  [undefined, "name"],
];

function isResource(plan: TablePlan): plan is ResourcePlan {
  return "resource" in plan;
}

function typeOf(plan: TablePlan): string {
  return isResource(plan) ? plan.resource.type : plan.desc.typeName;
}

/** The rows that a search finds where nothing is known of the index: SQLite's own guess. */
const ROWS_PER_KEY = 10n;
/** The part of the rows that lie within bounds: SQLite's own guess. */
const RANGE_PART = 4n;

function estimate({ kind, index, search }: FoundStep, statistics: TableStatistics): bigint {
  if (kind === "sort") return 0n;
  if (!search) return statistics.rows;
  if (search.equal === 0) return atLeastOne(statistics.rows / RANGE_PART);
  if (index === undefined) return 1n;
  const perKey = statistics.perKey.get(index)?.[search.equal - 1] ?? ROWS_PER_KEY;
  return atLeastOne(search.isRange ? perKey / RANGE_PART : perKey);
}

function atLeastOne(rows: bigint): bigint {
  return rows < 1n ? 1n : rows;
}

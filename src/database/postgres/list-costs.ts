// What Lists cost: how one would be run where an index can be used, and whether it may.
// Reads no rows but to count a bounded number of them.

import type { ResourcePlan, TablePlan } from "../../schema/plan.ts";
import { sqlName } from "../../schema/sql-name.ts";
import type { Row } from "../../schema/sql-value.ts";
import type { ExplainedStep, Explanation } from "../explanation.ts";
import type { ListSelection } from "../list-request.ts";
import { compileList } from "../sql/list-statements.ts";
import { refuseScan } from "../sql/refuse-scan.ts";
import type { Statement } from "../sql/statements.ts";
import { pathsIn } from "../sql/table-facts.ts";
import { findUnindexed } from "../sql/unindexed.ts";
import { readTableFacts } from "./describe.ts";
import { translatePostgresError } from "./errors.ts";
import type { Session } from "./session.ts";

/** What is known of the costs of Lists. Every method fails with StoreError only. */
export interface ListCosts {
  explain(list: ListSelection): Promise<Explanation>;
  /**
   * @throws StoreError INVALID_FIELD, for `filter`, if the statement, which reads the first page, would
   * look at more than `rowsMax` rows; 0 refuses none.
   */
  refuseScan(list: ListSelection, firstPage: Statement, rowsMax: number): Promise<void>;
  /** The fields that are declared as indexed and that no index serves, a line each. */
  findUnindexed(plans: readonly ResourcePlan[]): AsyncIterable<string>;
}

/** A node of EXPLAIN (FORMAT JSON). */
interface PlanNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly "Index Cond"?: string;
  readonly "Plan Rows": number;
  readonly Plans?: readonly PlanNode[];
}

/** A step, and how many rows it would look at. */
interface FoundStep extends ExplainedStep {
  readonly rows: bigint;
}

const statement = (sql: string): Statement => ({ sql, parameters: [] });

/** Up to so many rows are counted; beyond, the statistics are taken for their number. */
const COUNTED_ROWS_MAX = 100_000;

/** The costs of Lists of the database that the session is of. */
export function createListCosts(session: () => Promise<Session>): ListCosts {
  async function explain(list: ListSelection, firstPage: Statement): Promise<Explanation> {
    const { plan, condition } = list;
    const own = await session();
    const root = await explainStatement(own, firstPage);
    const total = await countRows(own, plan);
    const found: FoundStep[] = [];
    for (const node of nodesOf(root)) found.push(...(await readNode(own, plan, node, total)));
    const looked = found.reduce((sum, { rows }) => sum + rows, 0n);
    const isScanned = found.some(({ kind }) => kind === "scan" || kind === "scan-index");
    const isFiltered = condition !== undefined;
    return {
      steps: found.map(({ kind, resourceType, fields }) => ({ kind, resourceType, fields })),
      estimatedRows: looked < total ? looked : total,
      indexed: !(isFiltered && isScanned) && found.every(({ kind }) => kind !== "sort"),
      isFiltered,
    };
  }

  async function explainList(list: ListSelection): Promise<Explanation> {
    try {
      const facts = await readTableFacts(await session(), list.plan);
      return await explain(list, compileList(list, facts).first({ pageSize: 1, skip: 0 }));
    } catch (error) {
      throw translatePostgresError(error);
    }
  }

  return {
    explain: explainList,

    async refuseScan(list, firstPage, rowsMax) {
      if (rowsMax === 0 || !list.condition) return;
      try {
        refuseScan(await explain(list, firstPage), rowsMax);
      } catch (error) {
        throw translatePostgresError(error);
      }
    },

    async *findUnindexed(plans) {
      for (const plan of plans) yield* await findUnindexed(plan, explainList);
    },
  };
}

/** Over few rows PostgreSQL scans although an index is there. */
const WITH_INDEXES = ["seqscan", "bitmapscan"].map((way) =>
  statement(`SET LOCAL enable_${way} = off`),
);

async function explainStatement(own: Session, { sql, parameters }: Statement): Promise<PlanNode> {
  const begun = [statement("BEGIN READ ONLY"), ...WITH_INDEXES].map((each) => own.run(each));
  const [rows] = await Promise.all([
    own.all({ sql: `EXPLAIN (FORMAT JSON) ${sql}`, parameters }),
    own.run(statement("ROLLBACK")),
    ...begun,
  ]);
  const [explained] = JSON.parse(rows[0]?.[0] as string) as [{ readonly Plan: PlanNode }];
  return explained.Plan;
}

/** The nodes that are carried out first come first. */
function nodesOf(node: PlanNode): PlanNode[] {
  return [...(node.Plans ?? []).flatMap(nodesOf), node];
}

async function readNode(
  own: Session,
  plan: ResourcePlan,
  node: PlanNode,
  total: bigint,
): Promise<FoundStep[]> {
  const type = node["Node Type"];
  if (type.endsWith("Sort")) {
    return [{ kind: "sort", resourceType: plan.resource.type, fields: [], rows: 0n }];
  }
  // A bitmap's own index is a node below the one that has the table.
  if (type.startsWith("Bitmap Heap")) return [];
  const index = node["Index Name"];
  const { name, keys, isPrimary } = index
    ? await readIndex(own, index)
    : { name: node["Relation Name"], keys: [], isPrimary: false };
  const table = [plan, ...plan.children].find((each) => each.table.toLowerCase() === name);
  if (!table) return [];
  const resourceType = table === plan ? plan.resource.type : table.desc.typeName;
  if (node["Index Cond"] === undefined) {
    const isPlain = index === undefined || isPrimary;
    const fields = isPlain ? [] : fieldsOf(table, keys);
    return [{ kind: isPlain ? "scan" : "scan-index", resourceType, fields, rows: total }];
  }
  const restricted = keys.filter((key) => isIn(key, node["Index Cond"] ?? ""));
  const fields = fieldsOf(table, restricted.length > 0 ? restricted : keys.slice(0, 1));
  const rows = BigInt(Math.max(1, Math.round(node["Plan Rows"])));
  return [{ kind: "search", resourceType, fields, rows }];
}

/** An index's table, and its keys as the server writes them. */
async function readIndex(own: Session, index: string) {
  const rows = await own.all({
    sql:
      "SELECT lower(indrelid::regclass::text), indisprimary, pg_get_indexdef(indexrelid, place, false) " +
      "FROM pg_index, generate_series(1, indnkeyatts) AS place " +
      "WHERE indexrelid = to_regclass(?) ORDER BY place",
    parameters: [`"${index.replaceAll('"', '""')}"`],
  });
  const [[name, isPrimary] = []] = rows;
  const keys = rows.map(([, , key]) => key as string);
  return { name: name as string | undefined, keys, isPrimary: isPrimary === 1n };
}

/** Spaces and parentheses differ between where an expression is written and where it is used. */
function isIn(key: string, condition: string): boolean {
  const plain = (text: string) => text.replaceAll(/[\s()"]/g, "");
  return plain(condition).includes(plain(key));
}

/** The fields that keys of an index are about. */
function fieldsOf(table: TablePlan, keys: readonly string[]): readonly string[] {
  const fields = keys.map((key) => fieldOf(table, key));
  return [...new Set(fields.filter((field) => field !== undefined))];
}

function fieldOf(table: TablePlan, key: string): string | undefined {
  const isResource = "resource" in table;
  if (!isResource) {
    return table.columns.find(({ name }) => name.toLowerCase() === key)?.field.name;
  }
  const plan = table as ResourcePlan;
  const [path] = pathsIn(plan, withJsonPaths(key));
  return path ?? STANDARD.get(key === plan.key.toLowerCase() ? "" : key);
}

/** The fields that the service itself fills, by their columns. */
const STANDARD: ReadonlyMap<string, string> = new Map([
  ["", "name"],
  ["created_at", "create_time"],
  ["updated_at", "update_time"],
  ["revision", "etag"],
]);

const JSON_CHAIN = /data((?:\)? -> '(?:[^']|'')*'::text)+)/g;

/** `((data -> 'loyalty'::text) -> 'points'::text)` → `'$.loyalty.points'`, as expressions name paths. */
function withJsonPaths(expression: string): string {
  return expression.replaceAll(JSON_CHAIN, (_, chain: string) => {
    const labels = [...chain.matchAll(/'((?:[^']|'')*)'/g)].map(([, label = ""]) => label);
    return `'$.${labels.join(".")}'`;
  });
}

async function countRows(own: Session, { table, sql }: ResourcePlan): Promise<bigint> {
  const limit = COUNTED_ROWS_MAX + 1;
  const counted = `SELECT count(*) FROM (SELECT 1 FROM ${sql.table} LIMIT ${limit}) AS counted`;
  const one = (rows: readonly Row[]) => BigInt(rows[0]?.[0] as bigint);
  const found = one(await own.all(statement(counted)));
  if (found < limit) return found;
  const known = await own.all({
    sql: "SELECT greatest(reltuples, ?)::bigint FROM pg_class WHERE oid = to_regclass(?)",
    parameters: [BigInt(limit), sqlName(table)],
  });
  return one(known);
}

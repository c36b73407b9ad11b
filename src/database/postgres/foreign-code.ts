// What in a database acts on our statements beside our own triggers: triggers of others, and foreign keys that
// delete or change what refers to a row. Looked for in each transaction, since no version tells of a change.

import type { ResourcePlan } from "../../schema/plan.ts";
import { sqlName } from "../../schema/sql-name.ts";
import type { Row } from "../../schema/sql-value.ts";
import type { Statement } from "../sql/statements.ts";
import type { ForeignCode, Watch } from "../sql/write/transaction.ts";
import { arrayText } from "./statement-text.ts";

/** Those of ours, and those of foreign keys that only look. */
const HARMLESS = [
  "store_before_write",
  "store_after_delete",
  "store_after_child_write",
  "RI_FKey_check_ins",
  "RI_FKey_check_upd",
  "RI_FKey_noaction_del",
  "RI_FKey_noaction_upd",
  "RI_FKey_restrict_del",
  "RI_FKey_restrict_upd",
];

/** The tables that our statements write on which anything else is set off, a row each, in lower case. */
export function selectForeignCode(plans: readonly ResourcePlan[]): Statement {
  const triggers = plans.flatMap((plan) => plan.triggers.postgres);
  return {
    sql:
      "SELECT DISTINCT lower(tgrelid::regclass::text) FROM pg_trigger " +
      `JOIN pg_proc ON pg_proc.oid = tgfoid WHERE tgrelid IN (${ourTables(plans)}) ` +
      `AND tgenabled <> 'D' AND proname <> ALL (?::text[]) AND tgname <> ALL (?::text[])`,
    parameters: [arrayText(HARMLESS), arrayText(triggers)],
  };
}

/** The rules of those tables: they are part of our own statements, and nothing tells what they change. */
export function selectRules(plans: readonly ResourcePlan[]): Statement {
  return {
    sql:
      "SELECT ev_class::regclass::text, rulename FROM pg_rewrite " +
      `WHERE ev_class IN (${ourTables(plans)}) AND ev_enabled <> 'D' ORDER BY 1, 2`,
    parameters: [],
  };
}

function ourTables(plans: readonly ResourcePlan[]): string {
  const tables = plans.flatMap((plan) => [plan, ...plan.children, ...plan.links]);
  return [...new Set(tables.map(({ table }) => `to_regclass('${sqlName(table)}')`))].join(", ");
}

/** What the rows of `selectForeignCode` say. */
export function toForeignCode(rows: readonly Row[]): {
  readonly foreign: ForeignCode;
  readonly watch: Watch | undefined;
} {
  const tables = new Set(rows.map(([table]) => table as string));
  return {
    foreign: { unfillableTables: tables, conflictTables: new Set() },
    watch: tables.size === 0 ? undefined : WATCH,
  };
}

const SET_WRITING: Statement = {
  sql: "SELECT set_config('protostore.writing', '1', true)",
  parameters: [],
};

/** Our triggers know statements within others from those that the server itself sends. */
const WATCH: Watch = {
  revise: (revision) => ({
    sql: "SELECT set_config('protostore.revision', ?, true)",
    parameters: [String(revision)],
  }),
  rest: SET_WRITING,
  resume: SET_WRITING,
  isWithin: true,
};

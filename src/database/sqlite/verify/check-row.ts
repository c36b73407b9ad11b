// Checks one row: that columns, JSON and bytes say the same, and that its bytes are those that were
// stored. Pure; says what would mend it, and mends nothing.

import { fromBinary, type Message, type Registry, toBinary } from "@bufbuild/protobuf";
import { StoreError } from "../../../errors.ts";
import type { ResourcePlan } from "../../../schema/plan.ts";
import { formatName } from "../../../schema/resource-name.ts";
import { type ResourceRow, rebuildReadable, trustedWire } from "../../../schema/row.ts";
import { WRITING } from "../../../schema/triggers.ts";
import type { Finding, FindingKind } from "../../finding.ts";
import type { WholeRow } from "../../sql/row-set.ts";
import type { Statement } from "../../sql/statements.ts";

/** What is wrong with a row of the plan's table; `revision` is the newest that was given to any. */
export function checkRow(
  plan: ResourcePlan,
  { row, children }: WholeRow,
  registry: Registry,
  revision: bigint,
): Finding[] {
  const subject = formatName(plan.resource, row.key);
  const found = (kind: FindingKind, problem: string): Finding => ({ kind, subject, problem });
  const { message, unreadable } = rebuildReadable(plan, row, children, registry);
  const reasons = [...new Set(unreadable.values())];
  const faults = reasons.length === 0 ? [] : [found("unreadable", reasons.join("; "))];
  const stored = readBytes(plan, row);
  if (stored === "damaged") {
    // Columns that cannot be read make no bytes.
    const repair = faults.length === 0 && { repair: clearBytes(plan, row) };
    return [...faults, { ...found("checksum", "its stored bytes are damaged"), ...repair }];
  }
  if (typeof row.revision === "bigint" && row.revision > revision) {
    return [...faults, found("revision", `its revision ${row.revision} was never given`)];
  }
  if (stored === undefined || faults.length > 0) return faults;
  const same = Buffer.compare(toBinary(plan.desc, message), toBinary(plan.desc, stored)) === 0;
  return same ? [] : [found("differs", "its bytes differ from its columns and JSON")];
}

/** The message of the bytes; undefined if the row has none that are to be trusted. */
function readBytes(plan: ResourcePlan, row: ResourceRow): Message | "damaged" | undefined {
  try {
    const wire = trustedWire(plan, row);
    return wire && fromBinary(plan.desc, wire);
  } catch (error) {
    if (error instanceof StoreError && error.code !== "ROW_UNREADABLE") throw error;
    return "damaged";
  }
}

/**
 * Takes the bytes away, so that the message is made of the columns at the next read; nothing if the
 * row was written since. It gets the revision of the commit: the one that it has may be what is wrong.
 */
function clearBytes(plan: ResourcePlan, { key, checksum = null }: ResourceRow): Statement {
  const { sql } = plan;
  return {
    sql:
      `UPDATE ${sql.table} SET wire = NULL, checksum = NULL, revision = ` +
      `(SELECT iif(writing = ${WRITING.watched}, revision, revision + 1) FROM store_state) ` +
      `WHERE ${sql.key} = ? AND checksum IS ?`,
    parameters: [key, checksum],
  };
}

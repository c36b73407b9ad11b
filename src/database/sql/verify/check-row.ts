// Checks one row: that columns, JSON and bytes say the same, and that its bytes are those that were
// stored. Pure; says what would mend it, and mends nothing.

import { type Registry, toBinary } from "@bufbuild/protobuf";
import type { ResourcePlan } from "../../../schema/plan.ts";
import { formatName } from "../../../schema/resource-name.ts";
import { rebuildReadable } from "../../../schema/row.ts";
import type { Finding, FindingKind } from "../../finding.ts";
import { readBytes } from "../rebuild.ts";
import type { WholeRow } from "../row-set.ts";

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
    const repair = faults.length === 0 && { repair: { plan, key: row.key } };
    return [...faults, { ...found("checksum", "its stored bytes are damaged"), ...repair }];
  }
  if (typeof row.revision === "bigint" && row.revision > revision) {
    return [...faults, found("revision", `its revision ${row.revision} was never given`)];
  }
  if (stored === undefined || faults.length > 0) return faults;
  const same = Buffer.compare(toBinary(plan.desc, message), toBinary(plan.desc, stored)) === 0;
  return same ? [] : [found("differs", "its bytes differ from its columns and JSON")];
}

// Makes the bytes of rows that have none, because another program wrote them or they were there
// before the service was: from columns, JSON and child rows. Writes nothing.

import { type Registry, toBinary } from "@bufbuild/protobuf";
import { withChildren } from "../../query/row-set.ts";
import { selectByKeys, selectChildren } from "../../query/statements.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import { rebuildRow } from "../../schema/row.ts";
import type { StatementRunner } from "./statement-cache.ts";

/**
 * The bytes of the rows with these keys, in the transaction that is open.
 * @throws StoreError ROW_UNREADABLE
 */
export function rebuildByKeys(
  runner: StatementRunner,
  plan: ResourcePlan,
  registry: Registry,
  keys: readonly bigint[],
): Map<bigint, Uint8Array> {
  const statement = selectByKeys(plan, keys);
  const resources = runner.all(statement);
  const children = plan.children.map((child) => runner.all(selectChildren(plan, child, statement)));
  const rows = withChildren(plan, { resources, children });
  return new Map(
    rows.map(({ row, children }) => [
      row.key,
      toBinary(plan.desc, rebuildRow(plan, row, children, registry)),
    ]),
  );
}

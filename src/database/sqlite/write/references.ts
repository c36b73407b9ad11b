// Explains a foreign key that does not hold: SQLite says only that there is one.
// Reads only, inside the transaction that failed.

import type { Message } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import type { Precondition } from "../../../errors.ts";
import type { ResourcePlan, TablePlan } from "../../../schema/plan.ts";
import { parseName } from "../../../schema/resource-name.ts";
import type { Row } from "../../../schema/sql-value.ts";
import { selectPresence, selectReferrers } from "../../sql/statements.ts";
import type { StatementRunner } from "../connection/statement-cache.ts";

/** The resources that `message` and its children refer to and that do not exist. */
export function missingReferences(
  runner: StatementRunner,
  plans: readonly ResourcePlan[],
  plan: ResourcePlan,
  message: Message,
  path: string,
): readonly Precondition[] {
  const root = reflect(plan.desc, message);
  const inChildren = plan.children.flatMap((child) =>
    [...root.get(child.field)].flatMap((item, index) =>
      missingIn(
        runner,
        plans,
        child,
        item as ReflectMessage,
        `${path}.${child.field.name}[${index}]`,
      ),
    ),
  );
  return [...missingIn(runner, plans, plan, root, path), ...inChildren];
}

function missingIn(
  runner: StatementRunner,
  plans: readonly ResourcePlan[],
  plan: TablePlan,
  message: ReflectMessage,
  path: string,
): Precondition[] {
  return plan.columns.flatMap(({ field, reference }) => {
    const name = reference ? (message.get(field) as string) : "";
    const target = plans.find(({ resource }) => resource === reference);
    if (!reference || !target || name === "") return [];
    if (runner.get(selectPresence(target, parseName(reference, name, field.name)))) return [];
    const description = `${path}.${field.name}: ${name} does not exist`;
    return [{ type: "FOREIGN_KEY", subject: name, description }];
  });
}

/** The kinds of resources of which another one than itself refers to the row `key` of `target`. */
export function referrers(
  runner: StatementRunner,
  plans: readonly ResourcePlan[],
  target: ResourcePlan,
  key: bigint,
): readonly Precondition[] {
  const subject = `${target.resource.collection}/${key}`;
  const isOther = (table: TablePlan) => (row: Row) => table !== target || row[0] !== key;
  return plans.flatMap((plan) => {
    const refers = [plan, ...plan.children].some((table) =>
      table.columns.some(
        ({ name, reference }) =>
          reference === target.resource &&
          runner.all(selectReferrers(table, name, key, 2)).some(isOther(table)),
      ),
    );
    const description = `${plan.desc.name} refers to it`;
    return refers ? [{ type: "FOREIGN_KEY", subject, description }] : [];
  });
}

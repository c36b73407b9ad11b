// Explains a foreign key that does not hold: a database may say only that there is one.
// Reads only, inside the transaction that failed.

import type { Message } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import type { Precondition } from "../../../errors.ts";
import type { ResourcePlan, TablePlan } from "../../../schema/plan.ts";
import { isRedacted } from "../../../schema/redaction.ts";
import { parseName } from "../../../schema/resource-name.ts";
import type { Row } from "../../../schema/sql-value.ts";
import { type Statement, selectPresence, selectReferrers } from "../statements.ts";
import { rowsOfEach, type Steps } from "../steps.ts";

/** A reference in a message, and the statement that has a row if what it refers to is there. */
interface Reference {
  readonly precondition: Precondition;
  readonly presence: Statement;
}

/** The resources that `message` and its children refer to and that do not exist. */
export function* missingReferences(
  plans: readonly ResourcePlan[],
  plan: ResourcePlan,
  message: Message,
  path: string,
): Steps<readonly Precondition[]> {
  const root = reflect(plan.desc, message);
  const inChildren = plan.children.flatMap((child) =>
    [...root.get(child.field)].flatMap((item, index) =>
      referencesIn(plans, child, item as ReflectMessage, `${path}.${child.field.name}[${index}]`),
    ),
  );
  const references = [...referencesIn(plans, plan, root, path), ...inChildren];
  const found = yield* rowsOfEach(references.map(({ presence }) => presence));
  return references
    .filter((_, index) => found[index]?.length === 0)
    .map(({ precondition }) => precondition);
}

function referencesIn(
  plans: readonly ResourcePlan[],
  plan: TablePlan,
  message: ReflectMessage,
  path: string,
): Reference[] {
  return plan.columns.flatMap(({ field, reference }) => {
    const name = reference ? (message.get(field) as string) : "";
    const target = plans.find(({ resource }) => resource === reference);
    if (!reference || !target || name === "") return [];
    const presence = selectPresence(target, parseName(reference, name, field.name));
    const at = `${path}.${field.name}`;
    const [subject, shown] = isRedacted(field) ? [at, "what it names"] : [name, name];
    const description = `${at}: ${shown} does not exist`;
    return [{ precondition: { type: "FOREIGN_KEY", subject, description }, presence }];
  });
}

/** The kinds of resources of which another one than itself refers to the row `key` of `target`. */
export function* referrers(
  plans: readonly ResourcePlan[],
  target: ResourcePlan,
  key: bigint,
): Steps<readonly Precondition[]> {
  const columns = plans.flatMap((plan) =>
    [plan, ...plan.children].flatMap((table) =>
      table.columns
        .filter(({ reference }) => reference === target.resource)
        .map(({ name }) => ({ plan, table, name })),
    ),
  );
  const found = yield* rowsOfEach(
    columns.map(({ table, name }) => selectReferrers(table, name, key, 2)),
  );
  const isOther = (table: TablePlan) => (row: Row) => table !== target || row[0] !== key;
  const refer = columns.filter(({ table }, index) => found[index]?.some(isOther(table)));
  const subject = `${target.resource.collection}/${key}`;
  return [...new Set(refer.map(({ plan }) => plan))].map((plan) => {
    const description = `${plan.desc.name} refers to it`;
    return { type: "FOREIGN_KEY", subject, description };
  });
}

// Random resources that a server accepts: required fields are set, references point to rows that
// are in the fixtures.

import {
  create,
  type DescField,
  type Message,
  type Registry,
  ScalarType,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import type { Money } from "../../gen/google/type/money_pb.ts";
import { FieldBehavior, hasBehavior } from "../../src/schema/options.ts";
import type { ResourcePlan, TablePlan } from "../../src/schema/plan.ts";
import { ArbitraryMaker } from "./arbitrary-message.ts";
import { DRIVER } from "./driver.ts";

/** A resource of the plan's type, made from the seed; it may have U+0000 if the driver's texts may. */
export function makeResource(
  plan: ResourcePlan,
  registry: Registry,
  seed: number,
  hasNoNul = DRIVER === "postgres",
): Message {
  const keyFields = plan.children.map(({ keyField }) => keyField as DescField);
  const maker = new ArbitraryMaker(seed, {
    registry,
    storable: true,
    hasNoNul,
    skip: (field) => keyFields.includes(field),
  });
  const resource = maker.message(plan.desc, 0);
  complete(plan, resource);
  for (const child of plan.children) {
    for (const item of resource.get(child.field)) {
      complete(child, item as ReflectMessage);
      makeSmall(child, item as ReflectMessage);
    }
  }
  return resource.message;
}

function complete(plan: TablePlan, message: ReflectMessage): void {
  for (const { field, reference } of plan.columns) {
    const isRequired = hasBehavior(field, FieldBehavior.REQUIRED);
    if (reference && (isRequired || message.isSet(field))) {
      message.set(field, `${reference.collection}/1`);
    } else if (isRequired && !message.isSet(field)) {
      message.set(field, requiredValue(field));
    }
  }
}

/** Keeps sums over child rows, such as an invoice's total, within what their column can hold. */
function makeSmall(plan: TablePlan, message: ReflectMessage): void {
  for (const { field } of plan.columns) {
    const value = message.get(field);
    if (typeof value === "number") message.set(field, value % 100 || 2);
    if (field.message?.typeName !== "google.type.Money") continue;
    const money = (value as ReflectMessage).message as Money;
    money.units %= 1000n;
  }
}

function requiredValue(field: DescField): unknown {
  if (field.fieldKind !== "message") {
    return field.fieldKind === "scalar" && field.scalar === ScalarType.STRING ? "required" : 1;
  }
  const { message } = field;
  const init = message.typeName === "google.type.Money" ? { currencyCode: "USD", units: 1n } : {};
  return reflect(message, create(message, init as never));
}

/** Clears what the server decides: standard and OUTPUT_ONLY fields, and the keys of child rows. */
export function clearServerFields(plan: ResourcePlan, message: Message): void {
  const target = reflect(plan.desc, message);
  for (const field of Object.values(plan.standard)) target.clear(field);
  for (const field of plan.desc.fields) {
    if (hasBehavior(field, FieldBehavior.OUTPUT_ONLY)) target.clear(field);
  }
  for (const child of plan.children) {
    for (const item of target.get(child.field)) (item as ReflectMessage).clear(child.keyField);
  }
}

// Makes the message of a row from its cells, by its descriptor and by what the columns of Chinook
// mean. Written apart from the service, which must come to the same.

import {
  create,
  type DescField,
  fromJson,
  type JsonObject,
  type Message,
  mergeFromJson,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import type { ResourcePlan, TablePlan } from "../../src/schema/plan.ts";
import type { SqlValue } from "../../src/schema/sql-value.ts";
import type { FileRow, ResourceState } from "./file-state.ts";
import { REGISTRY } from "./tables.ts";

/** The message of a row, or undefined if a cell has what its field cannot hold. */
export function rebuild(plan: ResourcePlan, state: ResourceState): Message | undefined {
  try {
    const message = fromCells(plan, state.row);
    plan.children.forEach((child, index) => {
      const list = message.get(child.field);
      for (const row of state.children[index] ?? []) {
        const item = fromCells(child, row);
        item.set(child.keyField, row[child.key]);
        list.add(item);
      }
    });
    const { name, etag, createTime, updateTime } = plan.standard;
    const { row } = state;
    message.set(name, `${plan.resource.collection}/${row[plan.key]}`);
    message.set(etag, `"${row.revision ?? 0}"`);
    setJson(message, createTime, row.created_at);
    setJson(message, updateTime, row.updated_at);
    return message.message;
  } catch {
    return undefined;
  }
}

/** The message of the cells of one table. @throws TypeError */
export function fromCells(plan: TablePlan, row: FileRow): ReflectMessage {
  const message = reflect(plan.desc, fromJsonCell(plan, row.data));
  for (const { field, name, reference } of plan.columns) {
    const value = row[name] ?? null;
    if (value === null) continue;
    if (reference) message.set(field, `${reference.collection}/${integer(value)}`);
    else message.set(field, fieldValue(field, value));
  }
  return message;
}

function fromJsonCell(plan: TablePlan, data: SqlValue | undefined): Message {
  const json = JSON.parse(data as string) as JsonObject;
  const names = new Set(plan.dataFields.map(({ jsonName }) => jsonName));
  if (Object.keys(json).some((key) => !names.has(key))) throw new TypeError("an unknown key");
  return fromJson(plan.desc, json, { registry: REGISTRY });
}

function fieldValue(field: DescField, value: NonNullable<SqlValue>): unknown {
  if (field.fieldKind === "enum") return Number(integer(value));
  if (field.fieldKind === "scalar") {
    if (typeof value === "string") return value;
    return field.localName === "quantity" ? Number(integer(value)) : integer(value);
  }
  if (field.fieldKind !== "message") throw new TypeError(`${field} cannot be a column`);
  const desc = field.message;
  const make = (init: object) => reflect(desc, create(desc, init as never));
  switch (desc.typeName) {
    case "google.type.Money": {
      if (typeof value === "string") throw new TypeError("no number");
      const cents = BigInt(Math.round(Number(value) * 100));
      const nanos = Number(cents % 100n) * 10_000_000;
      return make({ currencyCode: "USD", units: cents / 100n, nanos });
    }
    case "google.type.Date": {
      const [year, month, day] = new Date(instant(value)).toISOString().split(/[-T]/).map(Number);
      return make({ year, month, day });
    }
    case "google.protobuf.Duration": {
      const milliseconds = integer(value);
      const nanos = Number(milliseconds % 1000n) * 1_000_000;
      return make({ seconds: milliseconds / 1000n, nanos });
    }
    default:
      return make({ seconds: BigInt(instant(value) / 1000) });
  }
}

function integer(value: NonNullable<SqlValue>): bigint {
  if (typeof value !== "bigint") throw new TypeError("no integer");
  return value;
}

/** Milliseconds since the epoch of a day or a second, which are all that the pools have. */
function instant(value: NonNullable<SqlValue>): number {
  const [, date, time = "00:00:00"] =
    /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d:\d\d))?Z?$/.exec(String(value)) ?? [];
  if (!date) throw new TypeError("no time");
  return Date.parse(`${date}T${time}Z`);
}

function setJson(message: ReflectMessage, field: DescField, value: SqlValue | undefined): void {
  if (value === null || value === undefined) return;
  mergeFromJson(message.desc, message.message, { [field.jsonName]: value as string });
}

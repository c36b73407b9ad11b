// What is refused as an order_by, what is passed over, and which SQL comes of it.

import { expect, test } from "vitest";
import { ORDER_LIMITS } from "../../../src/query/order/parser.ts";
import { EVERYTHING_PLAN } from "../../support/everything.ts";
import { compileOrder } from "../compiled.ts";

const fieldsOf = (text: string) => compileOrder(EVERYTHING_PLAN, text).fields;

test.for([
  ["nothing", "nothing is no field of Everything"],
  ["jInt32", "jInt32 is no field of Everything"],
  ["c_int32 asc", "only desc or a comma may follow c_int32"],
  ["c_int32 DESC", "only desc or a comma may follow c_int32"],
  ["c_int32 desc desc", "only desc or a comma may follow c_int32"],
  ["c_int32,", "a field is missing beside a comma"],
  [",c_int32", "a field is missing beside a comma"],
  ["c_int32, c_bool, c_int32 desc", "c_int32 is there twice"],
  ["j_strings", "j_strings: j_strings has no order"],
  ["j_map_string", "j_map_string: j_map_string has no order"],
  ["j_map_string.a", "j_map_string.a: j_map_string has no order"],
  ["lines.c_money", "lines.c_money: lines has no order"],
  ["j_struct", "j_struct: j_struct has no order"],
  ["j_value", "j_value is a JSON value, which has no order"],
  ["c_bytes", "c_bytes is bytes, which has no order"],
  ["j_node", "j_node is a message; name one of its fields"],
  ["c_int32.x", "c_int32.x is no field of Everything"],
  ["c_int32; DROP TABLE everythings", "only desc or a comma may follow c_int32;"],
  ["c_int32.", "c_int32. is no field of Everything"],
  [Array.from({ length: 17 }, (_, i) => `f${i}`).join(), "has more than 16 fields"],
  ["x".repeat(1025), "has more than 1024 bytes"],
] as const)("%s", ([text, reason]) => {
  expect(() => fieldsOf(text)).toThrow(`order_by: ${reason}`);
});

test("spaces mean nothing", () => {
  expect(fieldsOf("  c_int32   desc ,\tj_node.value\n")).toEqual(["c_int32", "j_node.value"]);
  expect(compileOrder(EVERYTHING_PLAN, " c_int32  desc ").orderBy).toBe(
    compileOrder(EVERYTHING_PLAN, "c_int32 desc").orderBy,
  );
  expect(fieldsOf("  ")).toEqual([]);
});

test("the key is always among the terms, once, and last", () => {
  const key = "everythings.EverythingId";
  const orderOf = (text: string) => compileOrder(EVERYTHING_PLAN, text).orderBy;
  expect(orderOf("")).toBe(key);
  expect(orderOf("name desc")).toBe(`${key} DESC`);
  expect(orderOf("c_money")).toBe(`everythings.CMoney, ${key}`);
  expect(orderOf("c_money desc")).toBe(`everythings.CMoney DESC, ${key} DESC`);
  expect(orderOf("name, c_money desc")).toBe(key);
});

test("the limits are where they are said to be", () => {
  const many = EVERYTHING_PLAN.columns
    .filter(({ field }) => field.fieldKind === "scalar" && field.name !== "c_bytes")
    .map(({ field }) => field.name);
  const fields = many.slice(0, ORDER_LIMITS.fields);
  expect(fields).toHaveLength(ORDER_LIMITS.fields);
  expect(fieldsOf(fields.join())).toEqual(fields);
  const text = "c_int32".padEnd(ORDER_LIMITS.bytes);
  expect(fieldsOf(text)).toEqual(["c_int32"]);
  expect(() => fieldsOf(`${text} `)).toThrow("order_by: has more than 1024 bytes");
});

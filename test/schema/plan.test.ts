// A wrong option stops the boot with the message, the field and the reason.

import { describe, expect, test } from "vitest";
import { RESOURCES } from "../../src/chinook/resources.ts";
import { StoreError } from "../../src/errors.ts";
import { assembleServices, createHandlerTools } from "../../src/handlers/services.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { planResources } from "../../src/schema/plan.ts";
import { registryOf } from "../../src/schema/registry.ts";
import { openEverything } from "../support/everything.ts";
import { testMessage, testService } from "../support/protos.ts";
import { tempDir } from "../support/temp.ts";

const WRONG: Readonly<Record<string, string>> = {
  NoResource: "bad.v1.NoResource: has no google.api.resource with a type",
  NoTable: "bad.v1.NoTable: has no (protostore.v1.table)",
  NestedPattern: "bad.v1.NestedPattern: must have one pattern, of the form `collection/{id}`",
  BadTableName: "bad.v1.BadTableName: table.name must be an identifier",
  NoKey: "bad.v1.NoKey: table.key must be an identifier",
  ResourceWithParent: "bad.v1.ResourceWithParent: is a resource and cannot have a parent_key",
  NoEtag: "bad.v1.NoEtag: must have a field `string etag` without a column",
  TimeIsString:
    "bad.v1.TimeIsString: must have a field `google.protobuf.Timestamp create_time` without a column",
  NameIsColumn: "bad.v1.NameIsColumn: must have a field `string name` without a column",
  BadColumnName: "bad.v1.BadColumnName.title: column.name must be an identifier",
  SameColumn: "bad.v1.SameColumn.other: column title is taken already",
  SystemColumn: "bad.v1.SystemColumn.title: column data is taken already",
  ListColumn: "bad.v1.ListColumn.titles: a field of this type cannot be a column",
  MapColumn: "bad.v1.MapColumn.titles: a field of this type cannot be a column",
  StructColumn: "bad.v1.StructColumn.title: a field of this type cannot be a column",
  OneofColumn: "bad.v1.OneofColumn.title: a member of a oneof cannot be a column",
  UnknownReference:
    "bad.v1.UnknownReference.other: refers to bad.example.com/Nothing, which is not served",
  LengthOfInteger: "bad.v1.LengthOfInteger.size: column.max_length is for strings, and positive",
  MoneyWithoutCurrency:
    "bad.v1.MoneyWithoutCurrency.price: column.currency_code is for Money, which needs it",
  CurrencyAfterLetter:
    "bad.v1.CurrencyAfterLetter.price: column.currency_code is for Money, which needs it",
  CurrencyBeforeLetter:
    "bad.v1.CurrencyBeforeLetter.price: column.currency_code is for Money, which needs it",
  CurrencyOfString:
    "bad.v1.CurrencyOfString.price: column.currency_code is for Money, which needs it",
  DefaultOfString: "bad.v1.DefaultOfString.title: column.default_value is for enums",
  DollarName: "bad.v1.DollarName.title: a JSON name must not begin with $",
  ChildWithoutParent:
    "bad.v1.Orphan: is field bad.v1.ChildWithoutParent.orphans and must have a parent_key",
  ChildWithoutKey: "bad.v1.Keyless: must have an int64 field for its key column Id",
};

describe("a plan", () => {
  test("is made of every resource that is served", () => {
    expect(planResources(RESOURCES)).toHaveLength(RESOURCES.length);
  });

  test.for(Object.entries(WRONG))("of %s is refused", ([name, reason]) => {
    const plan = () => planResources([{ resource: testMessage(`bad.v1.${name}`) }]);
    expect(plan).toThrow(new StoreError("INVALID_PLAN", reason));
  });

  test("of one type or one table twice is refused", () => {
    const good = { resource: testMessage("bad.v1.Good") };
    expect(() => planResources([good, good])).toThrow("bad.v1.Good: type bad.example.com/Good");
    const same = { resource: testMessage("bad.v1.SameTable") };
    expect(() => planResources([good, same])).toThrow(
      "bad.v1.SameTable: table Good is bad.v1.Good's already",
    );
  });
});

test("a method that nothing implements stops the boot with its name", () => {
  const entry = {
    resource: testMessage("bad.v1.Good"),
    service: testService("bad.v1.GoodService"),
  };
  const plans = planResources([entry]);
  const registry = registryOf([entry.resource]);
  const { database } = openEverything(tempDir());
  const tools = createHandlerTools(database, plans, registry, DEFAULT_LIMITS);
  expect(() => assembleServices([entry], [], tools)).toThrow(
    new StoreError(
      "INVALID_PLAN",
      "bad.v1.GoodService.PolishGood: is no standard method of the service's resource and has no handler",
    ),
  );
});

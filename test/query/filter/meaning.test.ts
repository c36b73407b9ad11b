// Filters of the kind that a store's clients write, over the project's own Chinook rows, and rows
// that another program has written in forms of its own.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RESOURCES } from "../../../src/chinook/resources.ts";
import {
  type Connection,
  openConnection,
} from "../../../src/database/sqlite/connection/connection.ts";
import { planResources, type ResourcePlan } from "../../../src/schema/plan.ts";
import { EVERYTHING_PLAN, EVERYTHING_TABLES } from "../../support/everything.ts";
import { runService, type TestService } from "../../support/service.ts";
import { compileFilter } from "../compiled.ts";

const PLANS = new Map(planResources(RESOURCES).map((plan) => [plan.table, plan]));

let service: TestService;
let chinook: Connection;
beforeAll(async () => {
  service = await runService({ fixtures: true });
  chinook = openConnection(service.database, { readOnly: true, busyTimeoutMs: 1000 });
});
afterAll(async () => {
  chinook.close();
  await service.stop();
});

function keysOf(connection: Connection, plan: ResourcePlan, filter: string): bigint[] {
  const { where, parameters } = compileFilter(plan, filter);
  const sql = `SELECT ${plan.key} FROM ${plan.table} WHERE ${where} ORDER BY ${plan.key}`;
  return connection
    .prepare(sql)
    .pluck()
    .all(...parameters) as bigint[];
}

function countOf(table: string, filter: string): number {
  return keysOf(chinook, PLANS.get(table) as ResourcePlan, filter).length;
}

function countBySql(table: string, where: string): number {
  const sql = `SELECT count(*) FROM ${table} WHERE ${where}`;
  return Number(chinook.prepare(sql).pluck().get());
}

/** Each filter, and the SQL that somebody would write by hand for it. */
const BY_HAND: readonly (readonly [table: string, filter: string, where: string])[] = [
  ["tracks", "unit_price < 0.99", "round(UnitPrice * 100) < 99"],
  [
    "tracks",
    "unit_price = 0.99 AND duration > 200s",
    "round(UnitPrice * 100) = 99 AND Milliseconds > 200000",
  ],
  ["tracks", "album = albums/1 OR album = 'albums/2'", "AlbumId IN (1, 2)"],
  ["tracks", "NOT album:*", "AlbumId IS NULL"],
  ["tracks", 'title = "The *"', "Name GLOB 'The *'"],
  ["tracks", "composer:*", "Composer IS NOT NULL"],
  ["tracks", "-composer:*", "Composer IS NULL"],
  ["tracks", "explicit = true", "data ->> '$.explicit'"],
  ["tracks", "explicit != true", "data ->> '$.explicit' IS NOT 1"],
  ["tracks", "bpm >= 100 bpm < 120", "data ->> '$.bpm' >= 100 AND data ->> '$.bpm' < 120"],
  ["tracks", "credits.role:PRODUCER", "data LIKE '%\"PRODUCER\"%'"],
  ["tracks", "attributes.canoe.metres > 5", "data ->> '$.attributes.canoe.metres' > 5"],
  ["tracks", "attributes:canoe", "data ->> '$.attributes.canoe' IS NOT NULL"],
  ["tracks", "attributes.tuning:'F#'", "data ->> '$.attributes.tuning' LIKE '%\"F#\"%'"],
  ["tracks", "size_bytes > 10000000", "Bytes > 10000000"],
  ["customers", "status = ACTIVE AND country = Brazil", "status = 1 AND Country = 'Brazil'"],
  ["customers", "loyalty.points > 999", "CAST(data ->> '$.loyalty.points' AS INTEGER) > 999"],
  [
    "customers",
    "loyalty.join_time < 2022-01-01T00:00:00+01:00",
    "datetime(data ->> '$.loyalty.joinTime') < '2021-12-31 23:00:00'",
  ],
  ["customers", "tags:B-sides", "data LIKE '%\"B-sides\"%'"],
  ["customers", "attributes.'crate #' = '14'", "data ->> '$.attributes.\"crate #\"' = '14'"],
  ["customers", "attributes:turntable", "data ->> '$.attributes.turntable' IS NOT NULL"],
  ["customers", "contact_post.recipient:*", "data ->> '$.contactPost.recipient' > ''"],
  ["customers", "preferences.newsletter = true", "data ->> '$.preferences.newsletter'"],
  ["customers", "given_name = 'Guðbj*'", "FirstName GLOB 'Guðbj*'"],
  ["customers", "given_name = 'guðbj*'", "FALSE"],
  ["customers", "bristol", "City = 'Bristol' OR Address LIKE '%bristol%'"],
  ["customers", "support_rep != 'employees/4'", "SupportRepId IS NOT 4"],
  ["invoices", "invoice_time >= 2023-06-01T00:00:00Z", "InvoiceDate >= '2023-06-01'"],
  [
    "invoices",
    "lines.track:tracks/139",
    "InvoiceId IN (SELECT InvoiceId FROM invoice_items WHERE TrackId = 139)",
  ],
  [
    "invoices",
    "lines.quantity:4 AND total > 5.50",
    "InvoiceId IN (SELECT InvoiceId FROM invoice_items WHERE Quantity = 4) AND round(Total * 100) > 550",
  ],
  ["invoices", "card:*", "data ->> '$.card' IS NOT NULL"],
  ["invoices", "card.network = visa", "data ->> '$.card.network' = 'visa'"],
  ["albums", "release_date.year >= 2013", "data ->> '$.releaseDate.year' >= 2013"],
  [
    "artists",
    "aliases:* AND region_code = BR",
    "data ->> '$.aliases' <> '[]' AND data ->> '$.regionCode' = 'BR'",
  ],
  ["employees", "hire_date < 2003-01-01", "HireDate < '2003-01-01'"],
];

test.for(BY_HAND)("%s: %s", ([table, filter, where]) => {
  expect(countOf(table, filter)).toBe(countBySql(table, where));
});

test("an empty filter is true for all rows", () => {
  for (const filter of ["", "  \n"])
    expect(countOf("tracks", filter)).toBe(countBySql("tracks", "TRUE"));
});

test("the fields that a filter is about are known", () => {
  const { fields } = compileFilter(
    PLANS.get("customers") as ResourcePlan,
    "city = A OR (loyalty.points > 1 AND NOT city = B) C",
  );
  expect(fields).toEqual(["city", "loyalty.points"]);
});

describe("OR binds tighter than AND, and a sequence is an AND", () => {
  test.for([
    [
      "status = CLOSED OR status = ACTIVE AND country = Brazil",
      "status IN (1, 3) AND Country = 'Brazil'",
    ],
    [
      "country = Brazil status = CLOSED OR status = ACTIVE",
      "status IN (1, 3) AND Country = 'Brazil'",
    ],
    [
      "(country = Brazil status = CLOSED) OR status = ACTIVE",
      "Country = 'Brazil' AND status = 3 OR status = 1",
    ],
    ["NOT country = Brazil OR status = ACTIVE", "Country IS NOT 'Brazil' OR status = 1"],
  ] as const)("%s", ([filter, where]) => {
    expect(countOf("customers", filter)).toBe(countBySql("customers", where));
  });
});

/** One row with this JSON and these columns, beside one with nothing, which must not be found. */
function matches(
  filter: string,
  data: object,
  columns: Readonly<Record<string, unknown>> = {},
): boolean {
  const connection = openConnection(":memory:", { busyTimeoutMs: 0 });
  connection.exec(EVERYTHING_TABLES.replaceAll(" NOT NULL", ""));
  const names = ["EverythingId", "data", ...Object.keys(columns)];
  connection
    .prepare(`INSERT INTO everythings (${names.join()}) VALUES (${names.map(() => "?").join()})`)
    .run(1n, JSON.stringify(data), ...Object.values(columns));
  const found = keysOf(connection, EVERYTHING_PLAN, filter).length === 1;
  connection.close();
  return found;
}

describe("what is not set", () => {
  test.for([
    // No presence: the default.
    ["j_int32 = 0", {}, true],
    ["j_int32 != 0", {}, false],
    ["j_int32 < 1", {}, true],
    ["j_string = ''", {}, true],
    ["j_string != x", {}, true],
    ["j_string:*", {}, false],
    ["j_color = COLOR_UNSPECIFIED", {}, true],
    ["j_bool = false", {}, true],
    ["c_int32 < 1", {}, true],
    ["c_reference = ''", {}, true],
    // Presence: skipped, even for !=.
    ["j_int32_optional = 0", {}, false],
    ["j_int32_optional != 7", {}, false],
    ["NOT j_int32_optional = 7", {}, true],
    ["NOT j_int32_optional != 7", {}, true],
    ["j_int32_optional:*", { jInt32Optional: 0 }, true],
    ["j_choice_int64 != 1", {}, false],
    ["c_timestamp != 2024-05-01T00:00:00Z", {}, false],
    // A message in the path: skipped, even for the default of what is in it.
    ["j_node.value = 0", {}, false],
    ["j_node.value != 1", {}, false],
    ["j_node.value = 0", { jNode: {} }, true],
    ["j_node.value != 1", { jNode: {} }, true],
    ["j_node.child.value = 0", { jNode: {} }, false],
    ["j_node.child.value = 0", { jNode: { child: {} } }, true],
    ["NOT j_node.value = 0", {}, true],
    ["j_map_string.a != x", {}, false],
    ["j_map_string.a != x", { jMapString: { a: "y" } }, true],
    ["j_struct.a != 1", {}, false],
    ["j_struct.a != 1", { jStruct: { a: "1" } }, true],
    ["j_value = null", {}, false],
    ["j_value = null", { jValue: null }, true],
    ["j_value:*", { jValue: null }, true],
    ["j_nodes.value:0", { jNodes: [{}] }, true],
    ["j_nodes.child.value:0", { jNodes: [{}] }, false],
  ] as const)("%s of %j is %s", ([filter, data, expected]) => {
    expect(matches(filter, data)).toBe(expected);
  });
});

describe("what another program wrote", () => {
  test.for([
    ["j_int64 = 5", { jInt64: 5 }],
    ["j_int64 < 1", { jInt64: null }],
    ["j_int32 = 5", { jInt32: "5" }],
    ["j_uint64 = 5", { jUint64: 5 }],
    ["j_double = 1.5", { jDouble: "1.5" }],
    ["j_color = COLOR_CRIMSON", { jColor: 1 }],
    ["j_color = COLOR_RED", { jColor: "COLOR_CRIMSON" }],
    ["j_timestamp = 2024-05-01T10:00:00Z", { jTimestamp: "2024-05-01T12:00:00+02:00" }],
    ["j_timestamp = 2024-05-01T10:00:00.25Z", { jTimestamp: "2024-05-01T12:00:00.25+02:00" }],
    ["j_duration = 1.5s", { jDuration: "1.500000000s" }],
    ["j_money = 1.5", { jMoney: { units: 1, nanos: 500000000 } }],
  ] as const)("%s finds %j", ([filter, data]) => {
    expect(matches(filter, data)).toBe(true);
  });

  test.for([
    ["c_timestamp = 2024-05-01T00:00:00Z", { CTimestamp: "2024-05-01" }],
    ["c_timestamp < 2024-05-01T00:00:01Z", { CTimestamp: "2024-05-01" }],
    ["c_timestamp = 2024-05-01T10:00:00Z", { CTimestamp: "2024-05-01T10:00:00Z" }],
    ["c_timestamp >= 2024-05-01T10:00:00.5Z", { CTimestamp: "2024-05-01 10:00:00.5" }],
    ["c_date = 2024-05-01", { CDate: "2024-05-01 17:30:00" }],
    ["c_date <= 2024-05-01", { CDate: "2024-05-01T17:30:00" }],
    ["c_date.month = 5", { CDate: "2024-05-01" }],
    ["c_money = 13.86", { CMoney: 13.859999999999999 }],
    ["c_money >= 13.86", { CMoney: 13.859999999999999 }],
    ["NOT c_money < 13.86", { CMoney: 13.859999999999999 }],
    ["c_money.units = 3", { CMoney: 2.9999999999999996 }],
    ["c_money.nanos = -500000000", { CMoney: -0.5 }],
    ["c_money = 3", { CMoney: 3 }],
  ] as const)("%s finds %j", ([filter, columns]) => {
    expect(matches(filter, {}, columns)).toBe(true);
  });

  test("values of a wrong type are not found, and break nothing", () => {
    const data = {
      jNode: "text",
      jNodes: ["{", 1, null, [1]],
      jMapSint32: { 1: "{" },
      jStruct: 7,
      jListValue: { a: 1 },
      jMoney: [],
      jTimestamp: "yesterday",
      jDuration: "long",
      jDate: "2024",
    };
    for (const filter of [
      "j_node.value:0",
      "j_node.child.value = 1",
      "j_nodes.value:0",
      "j_nodes.children.by_name.x.value:0",
      "j_map_sint32.1.value = 0",
      "j_struct.a.b != 1",
      "j_list_value:1",
      "j_money != 1",
      "j_date > 0001-01-01",
      "j_timestamp = 2024-05-01T00:00:00Z",
    ]) {
      expect(matches(filter, data), filter).toBe(false);
    }
  });
});

describe("exact to the last digit", () => {
  test.for([
    ["j_int64 = 9223372036854775807", { jInt64: "9223372036854775807" }, true],
    ["j_int64 = 9223372036854775806", { jInt64: "9223372036854775807" }, false],
    ["j_uint64 > 18446744073709551614", { jUint64: "18446744073709551615" }, true],
    ["j_uint64 > 9", { jUint64: "10" }, true],
    ["j_double = 1882563634352908000", { jDouble: 1882563634352908000 }, true],
    ["j_float = 0.1", { jFloat: Math.fround(0.1) }, true],
    ["j_double = NaN", { jDouble: "NaN" }, true],
    ["j_double > Infinity", { jDouble: "NaN" }, true],
    ["j_double < 0", { jDouble: "-Infinity" }, true],
    ["j_double = 0", { jDouble: "-0" }, true],
    ["j_timestamp > 2024-05-01T00:00:00Z", { jTimestamp: "2024-05-01T00:00:00.000000001Z" }, true],
    ["j_timestamp < 2024-05-01T00:00:00.5Z", { jTimestamp: "2024-05-01T00:00:00Z" }, true],
    ["j_duration > 9s", { jDuration: "10s" }, true],
    ["j_duration < -0.5s", { jDuration: "-0.500000001s" }, true],
    ["j_money < 1.0000000005", { jMoney: { units: "1", nanos: 0 } }, true],
    ["j_money > 0.9999999995", { jMoney: { units: "1", nanos: 0 } }, true],
    ["j_money < 1", { jMoney: { units: "1", nanos: -1 } }, false],
    ["j_money != 1", { jMoney: { units: "0", nanos: 1000000000 } }, false],
    ["j_money = 1.0000000005", { jMoney: { units: "1", nanos: 0 } }, false],
  ] as const)("%s of %j is %s", ([filter, data, expected]) => {
    expect(matches(filter, data)).toBe(expected);
  });

  test("amounts in a column, cent by cent", () => {
    const connection = openConnection(":memory:", { busyTimeoutMs: 0 });
    connection.exec(EVERYTHING_TABLES.replaceAll(" NOT NULL", ""));
    // As the service stores them: decimal text, which SQLite makes a number of.
    const insert = connection.prepare(
      "INSERT INTO everythings (EverythingId, CMoney) VALUES (?, ?)",
    );
    const amountOf = (cents: number) => (cents / 100).toFixed(2);
    for (let cents = 1; cents <= 2000; cents++) insert.run(BigInt(cents), amountOf(cents));
    const count = (filter: string) => keysOf(connection, EVERYTHING_PLAN, filter).length;
    for (let cents = 1; cents <= 2000; cents += 13) {
      const amount = amountOf(cents);
      const counts = ["=", "<", ">=", "!="].map((sign) => count(`c_money ${sign} ${amount}`));
      expect(counts, amount).toEqual([1, cents - 1, 2001 - cents, 1999]);
      const between = ["=", "<", "<=", ">"].map((sign) => count(`c_money ${sign} ${amount}0001`));
      expect(between, amount).toEqual([0, cents, cents, 2000 - cents]);
    }
    connection.close();
  });
});

describe("wildcards", () => {
  const text = "a%_*?[x]\\'\"é日本🎸z";
  test.for([
    ["*", true],
    ["a*", true],
    ["A*", false],
    ["*z", true],
    ["*Z", false],
    ["*é*", true],
    ["*É*", false],
    ["*日*🎸*", true],
    ["*🎸*日*", false],
    ["a%_\\*?[x]*", true],
    ["a%%*", false],
    ["*_\\*?[*", true],
    ["*[a-z]*", false],
    ["a*a*", false],
    ["a*z", true],
    ["a**z", true],
    ["*本🎸z*", true],
    ["a?*", false],
  ] as const)("%s: %s", ([pattern, expected]) => {
    const quoted = `"${pattern}"`;
    for (const [field, data, columns] of [
      ["c_string", {}, { CString: text }],
      ["j_string", { jString: text }, {}],
      ["j_map_string.k", { jMapString: { k: text } }, {}],
      ["j_struct.k", { jStruct: { k: text } }, {}],
      ["j_string_value", { jStringValue: text }, {}],
    ] as const) {
      expect(matches(`${field} = ${quoted}`, data, columns), field).toBe(expected);
      expect(matches(`${field} != ${quoted}`, data, columns), field).toBe(!expected);
    }
  });

  test("pieces do not overlap, and the text may have U+0000", () => {
    expect(matches('j_string = "ab*ba"', { jString: "aba" })).toBe(false);
    expect(matches('j_string = "ab*ba"', { jString: "abba" })).toBe(true);
    expect(matches('j_string = "*a*a*"', { jString: "a" })).toBe(false);
    expect(matches('j_string = "*\\u0000*c*d"', { jString: "a\0bcd" })).toBe(true);
    expect(matches('j_string = "a*"', { jString: "a\0" })).toBe(true);
    expect(matches('j_string = "*b"', { jString: "" })).toBe(false);
    expect(matches('j_string != "*b"', { jString: "" })).toBe(true);
  });
});

// Values of every kind that another program may write, in columns and in JSON of every field: what
// filters and orders say of them against what Get answers. What Get cannot read no filter finds.

import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { expect, test } from "vitest";
import { generatedColumn } from "../../../src/database/sql/filter/generated-column.ts";
import { readTableFacts } from "../../../src/database/sql/table-facts.ts";
import type { Connection } from "../../../src/database/sqlite/connection/connection.ts";
import { dialectOf, sqliteDialect } from "../../../src/database/sqlite/dialect/sqlite-dialect.ts";
import { describeTables } from "../../../src/database/sqlite/inspect/describe.ts";
import { parseFilter } from "../../../src/query/filter/parser.ts";
import { type ResourceRow, rebuildReadable } from "../../../src/schema/row.ts";
import type { SqlValue } from "../../../src/schema/sql-value.ts";
import {
  EVERYTHING,
  EVERYTHING_REGISTRY,
  openEverything,
  EVERYTHING_PLAN as PLAN,
  TEXT_FORMS,
  type TextForm,
} from "../../support/everything.ts";
import { tempDir } from "../../support/temp.ts";
import { compileFilter, compileOrder } from "../compiled.ts";
import { compareMessages } from "../order/comparator.ts";
import { evaluate } from "./evaluator.ts";

const TIMES = [
  "2024-05-01",
  "2024-05-01 10:00",
  "2024-05-01T10:00Z",
  "2024-05-01 10:00:00",
  "2024-05-01T10:00:00Z",
  "2024-05-01T10:00:00.5Z",
  "2024-05-01 10:00:00.123456789123",
  "2024-05-01T12:00:00+02:00",
  "2024-05-01 23:30:00.25-05:30",
  "2024-05-01 10:00:00 +02:00",
  "0001-01-01T00:00:00Z",
  "9999-12-31 23:59:59.999999999",
  "2024-05-01T24:00:00Z",
  "2024-05-01T10:00:60Z",
  "2024-05-01T10:00:00.Z",
  "2024-05-01T10:00:00+15:00",
  "2024-05-01Z",
  "2024-05-01  10:00",
  "2024-05-01 10:00:00 ",
  "2024-02-30",
  "2023-02-29T00:00:00Z",
  "0000-01-01T00:00:00Z",
  "now",
  "10:00",
  "2460000.5",
  "2024-05",
  "-2024-05-01",
];
const DURATIONS = ["0s", "5s", "-0.5s", "1.5s", "1.123456789s", "1.1234567891s", "05s", "5", "5ss"];
const WORDS = ["", "a", "A", "a ", "aÿz", "aāz", "é", "b", "t", "f", "true", "FALSE", "COLOR_RED"];
const NUMBERS = [
  "5",
  "05",
  "+5",
  " 5",
  "-0",
  "5.0",
  "1e3",
  "0x0c",
  "0.99",
  "1e400",
  "NaN",
  "Infinity",
];
const LONG_NUMBERS = [
  "9007199254740993",
  "9223372036854775807",
  "9223372036854775808",
  "18446744073709551615",
  "18446744073709551616",
  "315576000001s",
];
const BASE64 = ["AAEC", "AAE=", "AAE", "-_8=", "+/8=", "+/8", "AB==", "A", "AA=A", "AA EC"];
const TEXTS = [...TIMES, ...DURATIONS, ...WORDS, ...NUMBERS, ...LONG_NUMBERS, ...BASE64];

const JSONS = [
  ...TEXTS.map((text) => JSON.stringify(text)),
  ...[
    "null",
    "true",
    "false",
    "0",
    "1",
    "-0",
    "5",
    "5.0",
    "1e3",
    "1.5",
    "-1.5",
    "99",
    "4294967295",
  ],
  ...["9007199254740991", "9007199254740993", "-9007199254740993", "18446744073709551615"],
  ...[
    "1e400",
    "-1e400",
    "1e-400",
    "0.1",
    "0.10000000149011612",
    "0.1000000015",
    "3.4e38",
    "3.5e38",
  ],
  ...[
    "{}",
    "[]",
    '["a"]',
    "[5]",
    '{"a":"b"}',
    '{"a":5,"b":[1,"x"]}',
    '{"value":"5"}',
    '{"value":5.5}',
  ],
  ...['{"year":2024,"month":5,"day":1}', '{"year":"2024"}', '{"year":null}', '{"year":2024.5}'],
  ...[
    '{"units":"1","nanos":500000000}',
    '{"units":1,"nanos":-5}',
    '{"units":1.5}',
    '{"units":true}',
  ],
  // What is kept in bytes is not looked into, and a write keeps nothing so that has another form.
  '{"$wire":5}',
];

const VALUES: readonly SqlValue[] = [
  null,
  ...TEXTS,
  ...[0n, 1n, -1n, 5n, 99n, 2n ** 31n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)],
  ...[10n ** 15n, 10n ** 15n - 1n, 315_576_000_000_000n, 315_576_000_001_000n],
  ...[0.99, 1.5, -1.5, 13.859999999999999, 1e15, 1e300, Number.POSITIVE_INFINITY, 0.1],
  ...[
    1_714_557_600n,
    1_714_557_600_000n,
    1_714_557_600.5,
    2_460_431.9166666665,
    1_714_557_600.0004,
  ],
  new Uint8Array(),
  Buffer.from("5"),
  Buffer.from("2024-05-01 10:00:00"),
];

const LITERALS: Readonly<Record<string, readonly string[]>> = {
  text: ["''", "a", "A", "'a '", "'aÿ*'", "'*z'", "'*é*'", "5", "true", "b"],
  int: ["0", "1", "5", "-1", "1000", "2147483647"],
  number: ["0", "5", "1.5", "-1.5", "1000", "NaN", "Infinity", "-Infinity", "0.1"],
  bool: ["true", "false"],
  bytes: ["''", "AAEC", "'AAE='", "'+/8='", "'AA=='"],
  enum: ["COLOR_RED", "COLOR_UNSPECIFIED"],
  timestamp: ["2024-05-01T10:00:00Z", "2024-05-01T12:00:00+02:00", "2024-05-02T05:00:00.25Z"],
  duration: ["0s", "5s", "-0.5s", "1.5s", "1.123456789s"],
  date: ["2024-05-01", "2024-01-01", "0001-01-01", "9999-12-31"],
  money: ["0", "0.99", "1.5", "5", "13.86", "999999999999999"],
};

const SCALARS: Readonly<Record<number, string>> = {
  1: "number",
  2: "number",
  8: "bool",
  9: "text",
  12: "bytes",
};

const MESSAGES: Readonly<Record<string, string>> = {
  "google.protobuf.Timestamp": "timestamp",
  "google.protobuf.Duration": "duration",
  "google.type.Date": "date",
  "google.type.Money": "money",
};

function kindOf(field: DescField): string | undefined {
  if (field.enum) return field.enum.name === "Color" ? "enum" : undefined;
  if (field.fieldKind === "scalar") return SCALARS[field.scalar] ?? "int";
  const desc = field.message as DescMessage;
  const value = desc.typeName.endsWith("Value") ? desc.fields[0] : undefined;
  if (value?.fieldKind === "scalar") return SCALARS[value.scalar] ?? "int";
  return MESSAGES[desc.typeName];
}

const EQUALITY = ["=", "!="];
const ORDER = [...EQUALITY, "<", "<=", ">", ">="];

function filtersOf(field: DescField, kind: string | undefined): string[] {
  const operators = /bool|bytes|enum/.test(kind ?? "") ? EQUALITY : ORDER;
  const literals = LITERALS[kind ?? ""] ?? [];
  const compared = literals.flatMap((literal) =>
    operators
      .filter((operator) => !literal.includes("*") || EQUALITY.includes(operator))
      .map((operator) => `${field.name} ${operator} ${literal}`),
  );
  const all = [...compared, `${field.name}:*`].filter(isFilter);
  return [...all, ...all.map((filter) => `NOT (${filter})`)];
}

/** A literal of the kind may be out of the range of the field. */
function isFilter(text: string): boolean {
  try {
    compileFilter(PLAN, text);
    return true;
  } catch {
    return false;
  }
}

/** The fields with a value of their own, but for those that refer to other rows. */
const FIELDS = EVERYTHING.fields.filter(
  (field) =>
    field.fieldKind !== "list" &&
    field.fieldKind !== "map" &&
    field.number >= 10 &&
    field.name !== "c_reference" &&
    (kindOf(field) || field.message?.typeName.endsWith(".Node")),
);

interface Stored {
  readonly key: bigint;
  readonly shown: unknown;
  readonly message: ReflectMessage;
  readonly isReadable: boolean;
}

const COLUMNS = PLAN.columns.map(({ sqlName }) => sqlName);
const ZEROS: Readonly<Record<string, SqlValue>> = {
  CString: "",
  CBytes: new Uint8Array(),
  CDouble: 0,
  CFloat: 0,
};

/** A row for each value that the table takes, as it is read. */
function storeValues(connection: Connection, field: DescField): Stored[] {
  connection.exec("DELETE FROM everythings");
  const index = PLAN.columns.findIndex((column) => column.field === field);
  const insert = connection.prepare(
    `INSERT INTO everythings (${COLUMNS.join(", ")}, data) VALUES (${COLUMNS.map(() => "?").join(", ")}, ?)`,
  );
  const cells = PLAN.columns.map(({ name, field: each, reference }) =>
    each.presence === 2 && !reference ? (ZEROS[name] ?? 0n) : null,
  );
  // A wrapper of -0 is kept in bytes, as JSON readers would make 0 of it.
  const isWrapper = /Value$/.test(field.message?.typeName ?? "");
  const jsons = isWrapper ? JSONS.filter((json) => !/^"?-0"?$/.test(json)) : JSONS;
  const inserts = index < 0 ? jsons : VALUES;
  for (const value of inserts) {
    const row = index < 0 ? cells : cells.with(index, value as SqlValue);
    const data = index < 0 ? `{${JSON.stringify(field.jsonName)}:${value}}` : "{}";
    if (row[index] !== null || field.presence !== 2) insert.run(...row, data);
  }
  if (index < 0) insert.run(...cells, '{"jString": "a"} and more');
  const rows = connection
    .prepare(`SELECT EverythingId, ${COLUMNS.join(", ")}, data FROM everythings`)
    .raw()
    .all() as SqlValue[][];
  return rows.map((row) => {
    const [key, data] = [row[0] as bigint, row.at(-1) as string];
    const columns = row.slice(1, -1);
    const read: ResourceRow = {
      key,
      columns,
      data,
      revision: null,
      createdAt: null,
      updatedAt: null,
      wire: null,
    };
    const { message, unreadable } = rebuildReadable(PLAN, read, [[]], EVERYTHING_REGISTRY);
    const shown = index < 0 ? data : columns[index];
    return {
      key,
      shown,
      message: reflect(EVERYTHING, message),
      isReadable: !unreadable.has(field),
    };
  });
}

interface Form extends TextForm {
  /** True if the fields of the JSON have generated columns with indexes. */
  readonly generated?: boolean;
}

const FORMS: readonly Form[] = [...TEXT_FORMS, { generated: true }];

function open(form: Form): Connection {
  const { database, connection } = openEverything(tempDir(), form);
  void database.close();
  connection.pragma("ignore_check_constraints = ON");
  for (const { name, number } of form.generated ? FIELDS : []) {
    const column = generatedColumn(PLAN, name, sqliteDialect("UTF-8"));
    if (!column) continue;
    connection.exec(`
      ALTER TABLE everythings ADD COLUMN G${number} GENERATED ALWAYS AS (${column.expression}) VIRTUAL;
      CREATE INDEX everythings_g${number} ON everythings (G${number});`);
  }
  return connection;
}

test.each(FORMS)("filters find what is read, %o", (form) => {
  const connection = open(form);
  const facts = readTableFacts(PLAN, describeTables(connection), dialectOf(connection));
  expect(facts.generated.size > 20).toBe(form.generated === true);
  const wrong: unknown[] = [];
  let [compared, unread] = [0, 0];
  for (const field of FIELDS) {
    const stored = storeValues(connection, field);
    unread += stored.filter(({ isReadable }) => !isReadable).length;
    for (const filter of filtersOf(field, kindOf(field))) {
      const { where, parameters } = compileFilter(PLAN, filter, facts);
      const found = new Set(
        connection
          .prepare(`SELECT EverythingId FROM everythings WHERE ${where}`)
          .pluck()
          .all(...parameters),
      );
      const { root } = parseFilter(filter);
      for (const { key, shown, message, isReadable } of stored) {
        // A message is there, and is compared by its parts, whatever else is beside them.
        if (!isReadable && /^j_(?:date|money|node)$|_node$/.test(field.name)) continue;
        const expected = isReadable
          ? root && evaluate(root, message, EVERYTHING_REGISTRY)
          : filter.startsWith("NOT");
        compared++;
        if (found.has(key) !== expected) wrong.push({ filter, shown, isReadable, expected });
      }
    }
  }
  connection.close();
  expect(wrong.slice(0, 40)).toEqual([]);
  expect(compared).toBeGreaterThan(100_000);
  expect(unread).toBeGreaterThan(1_000);
});

test.each(FORMS)("orders are those of what is read, %o", (form) => {
  const connection = open(form);
  const facts = readTableFacts(PLAN, describeTables(connection), dialectOf(connection));
  for (const field of FIELDS.filter((each) => !/bytes|undefined/.test(String(kindOf(each))))) {
    const stored = storeValues(connection, field);
    for (const order of [field.name, `${field.name} desc`]) {
      const { orderBy } = compileOrder(PLAN, order, facts);
      const keys = connection
        .prepare(`SELECT EverythingId FROM everythings ORDER BY ${orderBy}`)
        .pluck()
        .all() as bigint[];
      const readable = new Map(
        stored.filter(({ isReadable }) => isReadable).map((row) => [row.key, row]),
      );
      const compare = compareMessages(order);
      const expected = [...readable.values()].sort((a, b) => compare(a.message, b.message));
      const found = keys.flatMap((key) => readable.get(key) ?? []);
      // Two doubles that are read as one float are in the order of the doubles.
      if (/float/.test(order)) found.sort((a, b) => compare(a.message, b.message));
      expect(
        found.map(({ shown }) => shown),
        order,
      ).toEqual(expected.map(({ shown }) => shown));
    }
  }
  connection.close();
});

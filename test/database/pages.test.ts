// Pages and batches as bytes, against the plain way: decode every message, cut it, encode a response.
// Random messages, some rows without their bytes, some pages cut by count, bytes or mask.

import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ItemForm } from "../../src/database/page-request.ts";
import { createItemWriter } from "../../src/database/sql/read/item-bytes.ts";
import { createWireReader } from "../../src/database/sql/read/wires.ts";
import { itemColumns, type Statement } from "../../src/database/sql/statements.ts";
import { insertChild, insertResource } from "../../src/database/sql/write-statements.ts";
import {
  type Connection,
  openConnection,
} from "../../src/database/sqlite/connection/connection.ts";
import { runSteps } from "../../src/database/sqlite/connection/run-steps.ts";
import { createStatementRunner } from "../../src/database/sqlite/connection/statement-runner.ts";
import { createReader, type Reader } from "../../src/database/sqlite/readers/reader.ts";
import { joinsBytes, selectWires } from "../../src/database/sqlite/readers/row-statements.ts";
import { applyReadMask, resolveReadMask } from "../../src/query/read-mask.ts";
import { checksumOf } from "../../src/schema/checksum.ts";
import type { ResourcePlan } from "../../src/schema/plan.ts";
import { encodeCells, setIdentity } from "../../src/schema/row.ts";
import { arbitraryMessage } from "../support/arbitrary-message.ts";
import {
  EVERYTHING,
  EVERYTHING_TABLES,
  EVERYTHING_PLAN as PLAN,
  EVERYTHING_REGISTRY as REGISTRY,
} from "../support/everything.ts";

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const ROWS = 60;
const REVISION = 7n;
/** Nothing is too large to be answered with. */
const FITTING = { plan: PLAN, itemBytesMax: 2 ** 30, answerBytesMax: 2 ** 30 };

let connection: Connection;
let reader: Reader;
/** The bytes of each message by its key, whether the row has them or not. */
const stored = new Map<bigint, Uint8Array>();

beforeAll(() => {
  connection = openConnection(":memory:", { busyTimeoutMs: 0 });
  connection.exec(`
    CREATE TABLE store_state (id INTEGER PRIMARY KEY, revision INTEGER, writing INTEGER);
    INSERT INTO store_state VALUES (1, ${REVISION}, 0);
    ${EVERYTHING_TABLES}`);
  reader = createReader(connection, REGISTRY);
  fill();
});

afterAll(() => {
  connection.close();
});

/** Every third row has no bytes, as if another program had written it. */
function fill(): void {
  const skip = new Set(["name", "create_time", "update_time", "etag", "c_reference"]);
  const arbitrary = arbitraryMessage(EVERYTHING, {
    registry: REGISTRY,
    storable: true,
    skip: (field) => skip.has(field.name) && field.parent === EVERYTHING,
  });
  const [child] = PLAN.children;
  if (!child) throw new Error("Everything has no lines");
  const runner = createStatementRunner(connection);
  let lineKey = 0n;
  fc.sample(arbitrary, { numRuns: ROWS, seed: SEED }).forEach((sample, index) => {
    const message = fromBinary(EVERYTHING, toBinary(EVERYTHING, sample));
    const key = BigInt(index + 1);
    const times = { createdAt: "2026-01-31T12:00:00.000Z", updatedAt: "2026-01-31T12:00:00.000Z" };
    setIdentity(PLAN, message, { key, revision: REVISION, ...times });
    const lines = [...reflect(EVERYTHING, message).get(child.field)] as ReturnType<
      typeof reflect
    >[];
    for (const line of lines) {
      lineKey += 1n;
      line.set(child.keyField, lineKey);
    }
    const bytes = toBinary(EVERYTHING, message);
    stored.set(key, bytes);
    const cells = encodeCells(PLAN, message, REGISTRY, "everything");
    const wire = index % 3 === 0 ? null : bytes;
    runner.run(insertResource(PLAN, { key, revision: REVISION, ...times, wire, ...cells }));
    for (const line of lines) {
      const row = encodeCells(child, line.message, REGISTRY, "line");
      const childKey = line.get(child.keyField) as bigint;
      runner.run(insertChild(child, { key: childKey, parentKey: key, ...row }));
    }
  });
}

function rowsFrom(from: bigint, to: bigint, limit: number, extra = ""): Statement {
  return {
    sql:
      `SELECT ${itemColumns(PLAN)}${extra} FROM ${PLAN.table} ` +
      `WHERE ${PLAN.key} >= ? AND ${PLAN.key} < ? ORDER BY ${PLAN.key} LIMIT ?`,
    parameters: [from, to, BigInt(limit)],
  };
}

function cut(bytes: Uint8Array, mask: readonly string[] | undefined): Uint8Array {
  const message = fromBinary(EVERYTHING, bytes);
  return toBinary(EVERYTHING, applyReadMask(PLAN, message, resolveReadMask(PLAN, mask)));
}

/** An item with the envelope of ENVELOPED, or without one. */
function encodeItem(key: bigint, message: Uint8Array, isEnveloped: boolean): Uint8Array {
  if (!isEnveloped) return message;
  const writer = new BinaryWriter().tag(1, WireType.LengthDelimited).string("type/x");
  writer.tag(17, WireType.LengthDelimited).bytes(message);
  if (key % 4n !== 0n) writer.tag(3, WireType.LengthDelimited).string("é".repeat(Number(key % 4n)));
  if (key !== 8n) writer.tag(4, WireType.Bit64).double(Number(key) - 8);
  return writer.finish();
}

const EXTRA = `, CASE ${PLAN.key} % 4 WHEN 0 THEN NULL ELSE substr('ééé', 1, ${PLAN.key} % 4) END,
  ${PLAN.key} - 8.0`;

const ENVELOPED: ItemForm = {
  field: 300,
  envelope: {
    before: new BinaryWriter().tag(1, WireType.LengthDelimited).string("type/x").finish(),
    message: 17,
    after: [
      { number: 3, type: "string" },
      { number: 4, type: "double" },
    ],
  },
};

function encodeItems(field: number, items: readonly Uint8Array[]): Buffer {
  const writer = new BinaryWriter();
  for (const item of items) writer.tag(field, WireType.LengthDelimited).bytes(item);
  return Buffer.from(writer.finish());
}

const masks = fc.option(
  fc.constantFrom(["name"], ["name", "lines", "j_map_string"], ["c_string", "etag"], ["*"]),
  { nil: undefined },
);
const anyKey = fc.integer({ min: 1, max: ROWS }).map(BigInt);

describe(`bytes (SEED=${SEED})`, () => {
  test("of pages of any size are what decoding and encoding gives", () => {
    const seen = { full: 0, bytes: 0, last: 0 };
    const property = fc.property(
      fc.record({
        from: anyKey,
        middle: anyKey,
        pageSize: fc.integer({ min: 1, max: ROWS }),
        pageBytes: fc.integer({ min: 0, max: 20_000 }),
        mask: masks,
        isEnveloped: fc.boolean(),
      }),
      ({ from, middle, pageSize, pageBytes, mask, isEnveloped }) => {
        const item = isEnveloped ? ENVELOPED : { field: 1 };
        const extra = isEnveloped ? EXTRA : "";
        // Two ranges, as a page behind a token has them.
        const statements = [
          rowsFrom(from, middle, pageSize + 1, extra),
          rowsFrom(middle > from ? middle : from, 1_000n, pageSize + 1, extra),
        ];
        const request = { ...FITTING, statements, pageSize, pageBytes, item, mask };
        const page = reader.page(request);

        const keys = [...stored.keys()].filter((key) => key >= from);
        let bytes = 0;
        const expected: bigint[] = [];
        for (const key of keys.slice(0, pageSize)) {
          bytes += encodeItem(key, stored.get(key) as Uint8Array, isEnveloped).length;
          if (expected.length > 0 && bytes > pageBytes) break;
          expected.push(key);
        }
        const items = expected.map((key) =>
          encodeItem(key, cut(stored.get(key) as Uint8Array, mask), isEnveloped),
        );
        expect(encodeItems(item.field, items).equals(page.bytes)).toBe(true);
        expect(page.count).toBe(expected.length);
        expect(page.unreachable).toEqual([]);
        expect(page.revision).toBe(REVISION);
        expect(page.last?.[0]).toBe(expected.at(-1));
        expect(page.following?.[0]).toBe(keys[expected.length]);
        if (!page.following) seen.last++;
        else if (page.count === pageSize) seen.full++;
        else seen.bytes++;
      },
    );
    fc.assert(property, { numRuns: 300, seed: SEED });
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(10);
  });

  test("of batches have any order, and a key as often as it is asked for", () => {
    const property = fc.property(
      fc.array(anyKey, { minLength: 1, maxLength: 2 * ROWS }),
      masks,
      (keys, mask) => {
        const answer = reader.batch({ ...FITTING, keys, item: { field: 2 }, mask });
        const items = keys.map((key) => cut(stored.get(key) as Uint8Array, mask));
        expect("bytes" in answer && encodeItems(2, items).equals(answer.bytes)).toBe(true);
      },
    );
    fc.assert(property, { numRuns: 100, seed: SEED });
  });
});

test("a batch tells the first key that has no row", () => {
  const answer = reader.batch({ ...FITTING, keys: [3n, 99n, 1n, 98n], item: { field: 1 } });
  expect(answer).toEqual({ missing: 99n, revision: REVISION });
});

test("a page without rows has no bytes", () => {
  const statements = [rowsFrom(500n, 1_000n, 10)];
  const more = [{ sql: "SELECT 5", parameters: [] }];
  const request = { ...FITTING, statements, pageSize: 9, pageBytes: 9, item: { field: 1 }, more };
  expect(reader.page(request)).toMatchObject({
    count: 0,
    last: undefined,
    following: undefined,
    more: [[[5n]]],
  });
  expect(reader.page(request).bytes).toHaveLength(0);
});

test("items of any length stand behind their length", () => {
  const edges = [0, 2 ** 7, 2 ** 14, 2 ** 21].flatMap((edge) => [edge, edge + 1, edge - 1]);
  const items = edges.filter((length) => length >= 0).map((length) => new Uint8Array(length));
  const { write } = createItemWriter({ field: 2 });
  expect(encodeItems(2, items).equals(write(items, []))).toBe(true);
});

test("a read leaves no transaction, whether it succeeds or fails", () => {
  reader.read([{ sql: "SELECT 1", parameters: [] }]);
  expect(connection.inTransaction).toBe(false);
  expect(() => reader.read([{ sql: "SELECT nothing", parameters: [] }])).toThrow();
  expect(connection.inTransaction).toBe(false);
});

test.for(["UTF-8", "UTF-16le", "UTF-16be"])(
  "bytes of a %s database are what they were",
  (encoding) => {
    const plan = {
      table: "items",
      key: "id",
      sql: { table: "items", key: "id" },
    } as ResourcePlan;
    const blob = fc.uint8Array({ maxLength: 300 });
    const property = fc.property(fc.array(blob, { maxLength: 20 }), (blobs) => {
      const other = openConnection(":memory:", { busyTimeoutMs: 0 });
      other.pragma(`encoding = '${encoding}'`);
      other.exec(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, wire BLOB, revision INTEGER, checksum INTEGER)",
      );
      const insert = other.prepare("INSERT INTO items VALUES (?, ?, ?, ?)");
      blobs.forEach((bytes, index) => {
        const key = BigInt(index + 1);
        insert.run(key, bytes, REVISION, checksumOf(bytes, key, REVISION));
      });
      const rows = blobs.map(({ length }, index) => ({ key: BigInt(index + 1), length })).reverse();
      const read = createWireReader(selectWires, joinsBytes(other))(plan, rows);
      const found = runSteps(createStatementRunner(other), read).map((bytes) =>
        Buffer.from(bytes as Uint8Array),
      );
      expect(found).toEqual(blobs.map((bytes) => Buffer.from(bytes)).reverse());
      other.close();
    });
    fc.assert(property, { numRuns: 100, seed: SEED });
  },
);

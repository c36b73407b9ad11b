// Pages that the asking thread reads itself, against rows read one by one: the same bytes, and what is
// not short after all is left to the readers.

import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ListRequest } from "../../src/database/list-request.ts";
import { openConnection } from "../../src/database/sqlite/connection/connection.ts";
import { createShortPageReader } from "../../src/database/sqlite/readers/short-pages.ts";
import { checksumOf } from "../../src/schema/checksum.ts";
import type { ResourcePlan } from "../../src/schema/plan.ts";

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const PLAN = {
  table: "items",
  key: "id",
  sql: { table: "items", key: "id" },
} as ResourcePlan;
const REVISION = 7n;
const ROW_BYTES_MAX = 40;
const PAGE_BYTES = 300;

const key = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const short = fc.uint8Array({ minLength: 1, maxLength: ROW_BYTES_MAX });
const row = fc.oneof(
  { weight: 30, arbitrary: short },
  { weight: 1, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.constant("é") },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: ROW_BYTES_MAX + 1, maxLength: 60 }) },
);

const revision = fc.bigInt({ min: 0n, max: 2n ** 40n });
const isDamaged = fc.nat({ max: 60 }).map((chance) => chance === 60);

const database = fc.record({
  rows: fc.uniqueArray(fc.tuple(key, row, revision, isDamaged), {
    selector: ([id]) => id,
    maxLength: 30,
  }),
  pageSize: fc.integer({ min: 1, max: 20 }),
  from: fc.option(fc.nat({ max: 30 }), { nil: undefined }),
});

describe.for(["UTF-8", "UTF-16le"])(`short pages of a %s database (SEED=${SEED})`, (encoding) => {
  test("are the rows' bytes, or none", async () => {
    const seen = { own: 0, readers: 0, followed: 0 };
    const property = fc.asyncProperty(database, async ({ rows, pageSize, from }) => {
      const connection = openConnection(":memory:", { busyTimeoutMs: 0 });
      connection.pragma(`encoding = '${encoding}'`);
      connection.exec(`
        CREATE TABLE store_state (revision INTEGER); INSERT INTO store_state VALUES (${REVISION});
        CREATE TABLE items (
          id INTEGER PRIMARY KEY, wire BLOB, revision INTEGER, checksum INTEGER
        )`);
      const insert = connection.prepare("INSERT INTO items VALUES (?, ?, ?, ?)");
      for (const [id, wire, revision, isDamaged] of rows) {
        const bytes = wire instanceof Uint8Array ? wire : new Uint8Array();
        insert.run(id, wire, revision, checksumOf(bytes, id, revision) + (isDamaged ? 1n : 0n));
      }

      const after = from === undefined ? undefined : rows[from]?.[0];
      const request: ListRequest = {
        plan: PLAN,
        order: [],
        skip: 0,
        after: after === undefined ? undefined : [after],
        includeTotalSize: false,
        pageSize,
        pageBytes: PAGE_BYTES,
        itemBytesMax: PAGE_BYTES,
        item: { field: 300 },
      };
      const limits = { shortPageRows: 20, shortPageRowBytes: ROW_BYTES_MAX };
      const page = await createShortPageReader(connection, limits)(request);
      connection.close();

      const inOrder = rows.toSorted(([a], [b]) => (a < b ? -1 : 1));
      const found = inOrder.filter(([id]) => after === undefined || id > after);
      const rowsRead = found.slice(0, pageSize + 1);
      const read = rowsRead.map(([, wire]) => wire);
      const isIntact = rowsRead.every(([, , , isBad]) => !isBad);
      const isShort = read.every(
        (wire) => wire instanceof Uint8Array && wire.length <= ROW_BYTES_MAX,
      );
      const bytes = read.reduce((sum, wire) => sum + (wire?.length ?? 0), 0);
      if (encoding !== "UTF-8" || !isIntact || !isShort || bytes > PAGE_BYTES) {
        seen.readers++;
        expect(page).toBeUndefined();
        return;
      }
      seen.own++;
      const writer = new BinaryWriter();
      for (const wire of read.slice(0, pageSize)) {
        writer.tag(300, WireType.LengthDelimited).bytes(wire as Uint8Array);
      }
      const last = found.slice(0, pageSize).at(-1)?.[0];
      const following = found[pageSize]?.[0];
      if (following !== undefined) seen.followed++;
      expect(Buffer.from(page?.bytes ?? []).equals(writer.finish())).toBe(true);
      expect({ ...page, bytes: undefined }).toEqual({
        bytes: undefined,
        count: Math.min(found.length, pageSize),
        unreachable: [],
        last: last === undefined ? undefined : [last, last],
        following: following === undefined ? undefined : [following, following],
        more: [],
        revision: REVISION,
      });
    });
    await fc.assert(property, { numRuns: 300, seed: SEED });
    expect(seen.readers).toBeGreaterThan(10);
    if (encoding === "UTF-8") {
      expect(seen.own).toBeGreaterThan(10);
      expect(seen.followed).toBeGreaterThan(10);
    }
  });
});

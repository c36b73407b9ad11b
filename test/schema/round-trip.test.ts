// What goes in comes out: random messages with every kind of field, read back from their bytes and
// rebuilt from columns, JSON and child rows after the bytes were cleared.

import { type DescField, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Operation } from "../../src/database/database.ts";
import type { Page } from "../../src/database/list-request.ts";
import { StoreError } from "../../src/errors.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { createRepository } from "../../src/repositories/resource-repository.ts";
import { columnOf } from "../../src/schema/options.ts";
import { arbitraryMessage } from "../support/arbitrary-message.ts";
import {
  EVERYTHING,
  EVERYTHING_PLAN,
  EVERYTHING_REGISTRY,
  openEverything,
} from "../support/everything.ts";
import { fieldsOf } from "../support/items.ts";
import { tempDir } from "../support/temp.ts";

/** Set SEED to run the same messages again; it is in the name of each test. */
const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const MESSAGES = 10_000;
const MESSAGES_PER_COMMIT = 500;

/** Fields of types with a range of their own, wherever they are. */
const RANGED = /timestamp|duration|date|money|fixed64\[|\.time$/;

const STANDARD = new Set(["name", "create_time", "update_time", "etag", "line_id", "c_reference"]);
const skip = (field: DescField) =>
  STANDARD.has(field.name) && field.parent.file === EVERYTHING.file;
const encode = (message: Message) => Buffer.from(toBinary(EVERYTHING, message));
const create = (message: Uint8Array): Operation => ({
  kind: "create",
  plan: EVERYTHING_PLAN,
  message,
  path: "everything",
});

/** The bytes of a stored message without what the service itself has added. */
function contentOf(bytes: Uint8Array): Buffer {
  const message = fromBinary(EVERYTHING, bytes);
  const target = reflect(EVERYTHING, message);
  for (const field of EVERYTHING.fields) {
    if (STANDARD.has(field.name)) target.clear(field);
    if (field.name !== "lines" || field.fieldKind !== "list") continue;
    for (const line of target.get(field)) {
      const item = line as ReturnType<typeof reflect>;
      const id = item.fields[0];
      if (id) item.clear(id);
    }
  }
  return encode(message);
}

describe("a stored message", () => {
  test(`is what was written: ${MESSAGES} messages, from bytes and rebuilt (SEED=${SEED})`, async () => {
    const { database, connection } = openEverything(tempDir());
    const repository = createRepository(database, EVERYTHING_PLAN, DEFAULT_LIMITS);
    const options = { registry: EVERYTHING_REGISTRY, storable: true, skip };
    const messages = fc.sample(arbitraryMessage(EVERYTHING, options), {
      numRuns: MESSAGES,
      seed: SEED,
    });
    const written: Buffer[] = messages.map(encode);
    const stored: Uint8Array[] = [];
    for (let i = 0; i < MESSAGES; i += MESSAGES_PER_COMMIT) {
      const batch = written.slice(i, i + MESSAGES_PER_COMMIT);
      const { messages: bytes } = await database.commit(batch.map(create));
      stored.push(...(bytes as Uint8Array[]));
    }

    const readAll = async () => {
      const pages: Uint8Array[] = [];
      const query = { filter: "", orderBy: "", pageSize: 1000, skip: 0, includeTotalSize: false };
      const item = { field: 1 };
      let after: Page["next"];
      do {
        const page: Page = await repository.list({ ...query, item, after });
        pages.push(...fieldsOf(page.bytes));
        after = page.next;
      } while (after);
      return pages;
    };

    const fromWire = await readAll();
    connection.exec("UPDATE everythings SET wire = NULL");
    const rebuilt = await readAll();
    expect(fromWire).toHaveLength(MESSAGES);
    expect(rebuilt).toHaveLength(MESSAGES);
    const differing = written.flatMap((bytes, i) => {
      const wire = fromWire[i] as Uint8Array;
      const isSame =
        contentOf(wire).equals(bytes) &&
        Buffer.from(wire).equals(stored[i] as Uint8Array) &&
        Buffer.from(wire).equals(rebuilt[i] as Uint8Array);
      return isSame ? [] : [i];
    });
    expect(differing).toEqual([]);
    await database.close();
    connection.close();
  });

  test(`is never changed silently: any value is kept or refused by its field (SEED=${SEED})`, async () => {
    const { database, connection } = openEverything(tempDir());
    const repository = createRepository(database, EVERYTHING_PLAN, DEFAULT_LIMITS);
    const columns = new Set(
      EVERYTHING.fields.filter(columnOf).map((field) => `everything.${field.name}`),
    );
    let [kept, refused] = [0, 0];
    // Few columns are set at once, or hardly a message would be stored.
    const options = {
      registry: EVERYTHING_REGISTRY,
      storable: false,
      skip: (field: DescField) => skip(field) || field.name === "lines",
    };
    const property = fc.asyncProperty(
      arbitraryMessage(EVERYTHING, options),
      fc.array(fc.constantFrom(...columns), { maxLength: 2 }),
      async (message, chosen) => {
        const target = reflect(EVERYTHING, message);
        for (const field of EVERYTHING.fields) {
          const path = `everything.${field.name}`;
          if (columns.has(path) && !chosen.includes(path)) target.clear(field);
        }
        const written = encode(message);
        try {
          const [bytes] = (await repository.commit([create(written)])).messages;
          connection.exec("UPDATE everythings SET wire = NULL");
          const key = connection.prepare("SELECT max(EverythingId) FROM everythings").pluck().get();
          const rebuilt = (await repository.get(key as bigint)).bytes;
          expect(contentOf(bytes as Uint8Array).equals(written)).toBe(true);
          expect(contentOf(rebuilt as Uint8Array).equals(written)).toBe(true);
          kept++;
        } catch (error) {
          if (!(error instanceof StoreError)) throw error;
          expect(error.code).toBe("INVALID_FIELD");
          const field = error.details.fields?.[0]?.field ?? "";
          if (!RANGED.test(field)) expect(chosen).toContain(field);
          refused++;
        }
      },
    );
    await fc.assert(property, { numRuns: 1000, seed: SEED });
    expect(kept).toBeGreaterThan(100);
    expect(refused).toBeGreaterThan(100);
    await database.close();
    connection.close();
  });

  test("is found wrong by verify when one of the three copies is changed", async () => {
    const { database, connection } = openEverything(tempDir());
    const options = { registry: EVERYTHING_REGISTRY, storable: true, skip };
    const messages = fc.sample(arbitraryMessage(EVERYTHING, options), { numRuns: 50, seed: SEED });
    await database.commit(messages.map((message) => create(encode(message))));
    const findings = async () => {
      const found: string[] = [];
      for await (const step of database.verify([EVERYTHING_PLAN])) {
        found.push(...step.findings.map(({ subject }) => subject));
      }
      return found;
    };
    expect(await findings()).toEqual([]);
    connection.exec(`
      UPDATE everythings SET CInt32 = CInt32 - 1 WHERE EverythingId = 3;
      UPDATE everythings SET data = json_set(data, '$.jString', 'changed') WHERE EverythingId = 5;
      UPDATE everythings SET data = '{"no_such_field": 1}', wire = NULL WHERE EverythingId = 7;
      UPDATE everythings SET wire = x'ffff' WHERE EverythingId = 9;
      UPDATE everythings SET revision = 12345 WHERE EverythingId = 11;
      INSERT INTO everything_lines (LineId, EverythingId) VALUES (9999, 13);
    `);
    const expected = [3, 5, 7, 9, 11, 13].map((id) => `everythings/${id}`);
    expect(await findings()).toEqual(expected);
    await database.close();
    connection.close();
  });
});

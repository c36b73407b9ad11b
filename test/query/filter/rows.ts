// Stored messages to filter and to sort: random ones with every kind of field, in a real database.

import { type DescField, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import fc from "fast-check";
import type { TableFacts } from "../../../src/database/sql/filter/source.ts";
import { readTableFacts } from "../../../src/database/sql/table-facts.ts";
import type { Connection } from "../../../src/database/sqlite/connection/connection.ts";
import { dialectOf } from "../../../src/database/sqlite/dialect/sqlite-dialect.ts";
import { describeTables } from "../../../src/database/sqlite/inspect/describe.ts";
import { arbitraryMessage } from "../../support/arbitrary-message.ts";
import {
  createAll,
  EVERYTHING,
  EVERYTHING_PLAN,
  EVERYTHING_REGISTRY,
  openEverything,
  type TextForm,
} from "../../support/everything.ts";

/** Set SEED to run the same rows and filters again; it is in the name of each test. */
export const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);

/** A database of random messages. */
export interface Rows {
  readonly connection: Connection;
  /** What List knows of the tables. */
  readonly facts: TableFacts;
  /** Each message by its key. */
  readonly messages: ReadonlyMap<bigint, ReflectMessage>;
}

const SKIPPED = new Set(["name", "create_time", "update_time", "etag", "line_id", "c_reference"]);

/** Stores `count` random messages; every third refers to one before it. */
export async function storeEverything(
  directory: string,
  count: number,
  form: TextForm = {},
): Promise<Rows> {
  const { database, connection } = openEverything(directory, form);
  const skip = (field: DescField) =>
    SKIPPED.has(field.name) && field.parent.file === EVERYTHING.file;
  const options = { registry: EVERYTHING_REGISTRY, storable: true, skip };
  const made = fc.sample(arbitraryMessage(EVERYTHING, options), { numRuns: count, seed: SEED });
  const reference = EVERYTHING.fields.find(({ name }) => name === "c_reference") as DescField;
  const operations = made.map((message, index) => {
    // Decoded anew, as a request is.
    const decoded = fromBinary(EVERYTHING, toBinary(EVERYTHING, message)) as Message;
    if (index % 3 === 2) {
      const target = reflect(EVERYTHING, decoded);
      target.set(reference, `everythings/${1 + (index % 7)}`);
    }
    return {
      kind: "create",
      plan: EVERYTHING_PLAN,
      message: toBinary(EVERYTHING, decoded),
      path: "everything",
    } as const;
  });
  const stored = await createAll(database, operations);
  await database.close();
  const messages = new Map(
    stored.map((bytes, index) => [
      BigInt(index + 1),
      reflect(EVERYTHING, fromBinary(EVERYTHING, bytes)),
    ]),
  );
  const facts = readTableFacts(EVERYTHING_PLAN, describeTables(connection), dialectOf(connection));
  return { connection, facts, messages };
}

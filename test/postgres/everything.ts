// The tables of everything.v1.Everything in a PostgreSQL database, and random messages in them.

import { type DescField, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import fc from "fast-check";
import { onTestFinished } from "vitest";
import type { Database } from "../../src/database/database.ts";
import type { MigrationFile } from "../../src/database/migrations/files.ts";
import { migrateUp } from "../../src/database/postgres/migrate/migrate.ts";
import { openPostgres } from "../../src/database/postgres/postgres-database.ts";
import { openSession } from "../../src/database/postgres/session.ts";
import { StoreError } from "../../src/errors.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { arbitraryMessage } from "../support/arbitrary-message.ts";
import {
  EVERYTHING,
  EVERYTHING_PLAN,
  EVERYTHING_REGISTRY,
  EVERYTHING_TABLES,
} from "../support/everything.ts";
import { postgresServer } from "../support/postgres.ts";

/** Set SEED to run the same rows and filters again; it is in the name of each test. */
export const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);

const TYPES: readonly (readonly [RegExp, string])[] = [
  [/\bCUnixSeconds INTEGER\b/g, "CUnixSeconds double precision"],
  [/\bINTEGER\b/g, "bigint"],
  [/\bREAL\b|\bNUMERIC\(10,2\)/g, "double precision"],
  [/\bNVARCHAR\(40\)|\bDATETIME\b/g, "text"],
  [/\bBLOB\b/g, "bytea"],
  [
    /data TEXT NOT NULL DEFAULT '\{\}' CHECK \(json_valid\(data\)\)/g,
    "data json NOT NULL DEFAULT '{}' CHECK (data::text !~ '(^|[^\\\\])(\\\\\\\\)*\\\\u0000')",
  ],
];

/** The statements of a migration that make the tables. */
export const EVERYTHING_TABLES_THERE = TYPES.reduce(
  (sql, [from, to]) => sql.replace(from, to),
  EVERYTHING_TABLES,
);

let databases = 0;

/** A new database with the tables, which the migrations make if there are any. */
export async function openEverything(
  files: readonly MigrationFile[] = [],
): Promise<{ database: Database; url: string }> {
  const server = await postgresServer();
  databases += 1;
  const name = `everything_${databases}`;
  await server.create(name);
  onTestFinished(() => server.drop(name));
  const url = server.urlOf(name);
  await migrateUp(url, { files, lockTimeoutMs: 5_000 });
  const session = await openSession({ url, connectTimeoutMs: 5_000 });
  if (files.length === 0) await session.script(EVERYTHING_TABLES_THERE);
  await session.close();
  const database = openPostgres({
    url,
    readOnly: false,
    plans: [EVERYTHING_PLAN],
    registry: EVERYTHING_REGISTRY,
    limits: DEFAULT_LIMITS,
  });
  onTestFinished(() => database.close());
  return { database, url };
}

const SKIPPED = new Set(["name", "create_time", "update_time", "etag", "line_id", "c_reference"]);

/** A database of random messages, each by its key as it is stored; every third refers to another one. */
export async function storeEverything(count: number): Promise<{
  readonly database: Database;
  readonly messages: ReadonlyMap<bigint, ReflectMessage>;
}> {
  const { database } = await openEverything();
  return { database, messages: await fillEverything(database, count) };
}

/** Stores random messages; each by its key as it is stored. */
export async function fillEverything(
  database: Database,
  count: number,
): Promise<ReadonlyMap<bigint, ReflectMessage>> {
  const skip = (field: DescField) =>
    SKIPPED.has(field.name) && field.parent.file === EVERYTHING.file;
  const options = { registry: EVERYTHING_REGISTRY, storable: true, skip };
  const made = fc.sample(arbitraryMessage(EVERYTHING, options), { numRuns: count * 2, seed: SEED });
  const reference = EVERYTHING.fields.find(({ name }) => name === "c_reference") as DescField;
  const messages = new Map<bigint, ReflectMessage>();
  for (const each of made) {
    // Decoded anew, as a request is.
    const message = reflect(EVERYTHING, fromBinary(EVERYTHING, toBinary(EVERYTHING, each)));
    const target = 1 + (messages.size % 7);
    if (messages.size % 3 === 2 && target <= messages.size) {
      message.set(reference, `everythings/${target}`);
    }
    const stored = await create(database, toBinary(EVERYTHING, message.message));
    if (stored) messages.set(keyOf(stored), stored);
    if (messages.size === count) break;
  }
  return messages;
}

/** The message as it is stored; undefined if it has a text with U+0000, which PostgreSQL does not have. */
async function create(
  database: Database,
  message: Uint8Array,
): Promise<ReflectMessage | undefined> {
  const operation = { kind: "create", plan: EVERYTHING_PLAN, message, path: "everything" } as const;
  try {
    const [stored] = (await database.commit([operation])).messages;
    return reflect(EVERYTHING, fromBinary(EVERYTHING, stored ?? new Uint8Array()));
  } catch (error) {
    if (error instanceof StoreError && error.code === "CONSTRAINT_VIOLATION") return undefined;
    throw error;
  }
}

/** The number in a message's name. */
export function keyOf({ message }: ReflectMessage): bigint {
  const { name } = message as Message & { readonly name: string };
  return BigInt(name.slice(name.indexOf("/") + 1));
}

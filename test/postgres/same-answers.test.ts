// Random commands carried out by both drivers: they give the same messages, revisions and errors.

import { create, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { AlbumSchema } from "../../gen/chinook/v1/album_pb.ts";
import { ArtistSchema } from "../../gen/chinook/v1/artist_pb.ts";
import type { CommitOptions, Database, Operation } from "../../src/database/database.ts";
import { StoreError } from "../../src/errors.ts";
import { makePostgresDatabase } from "../contract/postgres-store.ts";
import { makeSqliteStore } from "../contract/sqlite-store.ts";
import { creating, deleting, listing, planOf, updating } from "../contract/support.ts";

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);
/** How many lists of commands, and how many commands in each. */
const RUNS = Number(process.env.RUNS ?? 3);
const COMMANDS = 100;

/** Few keys, so that commands meet. */
const key = fc.bigInt({ min: 1n, max: 6n });
const text = fc.oneof(
  fc.constantFrom("", "a", "B", "é", "A%", "a_b", "\u{1F3B8}", "\u{ffff}", "zz"),
  fc.string({ unit: "grapheme", maxLength: 8 }).filter((value) => !value.includes("\0")),
);
const artist = fc.record({
  displayName: text.filter((value) => value !== ""),
  biography: text,
  regionCode: fc.constantFrom("", "BR", "US"),
  aliases: fc.array(text, { maxLength: 2 }),
  links: fc.dictionary(fc.constantFrom("home", "x"), text, { maxKeys: 2 }),
});
const album = fc.record({
  title: text.filter((value) => value !== ""),
  artist: key.map((number) => `artists/${number}`),
  label: text,
  upc: fc.constantFrom("", "0001", "9"),
});
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const etag = fc.oneof(
  fc.constant(""),
  fc.bigInt({ min: 0n, max: 30n }).map((n) => `"${n.toString(36)}"`),
);
const paths = (names: readonly string[]) => fc.subarray([...names], { minLength: 1 });

const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.tuple(artist, maybe(key)).map(([init, id]) => creating(ArtistSchema, init, id)),
  fc.tuple(album, maybe(key)).map(([init, id]) => creating(AlbumSchema, init, id)),
  fc
    .tuple(
      artist,
      key,
      etag,
      paths(["display_name", "biography", "aliases", "links"]),
      fc.boolean(),
    )
    .map(([init, id, tag, mask, allowMissing]) =>
      updating(ArtistSchema, { ...init, name: `artists/${id}`, etag: tag }, mask, allowMissing),
    ),
  fc
    .tuple(album, key, paths(["title", "artist", "label"]))
    .map(([init, id, mask]) => updating(AlbumSchema, { ...init, name: `albums/${id}` }, mask)),
  fc
    .tuple(fc.constantFrom(ArtistSchema, AlbumSchema), key, etag, fc.boolean(), fc.boolean())
    .map(([desc, id, tag, force, allowMissing]) =>
      deleting(desc, id, { etag: tag, force, allowMissing }),
    ),
  fc
    .tuple(fc.constantFrom(ArtistSchema, AlbumSchema), key)
    .map(([desc, id]): Operation => ({ kind: "check", plan: planOf(desc), key: id })),
);

type Command = (database: Database) => Promise<unknown>;

const commit: fc.Arbitrary<Command> = fc
  .record({
    operations: fc.array(operation, { minLength: 1, maxLength: 4 }),
    validateOnly: fc.boolean().map((value) => value && Math.abs(SEED) % 2 === 0),
    request: maybe(fc.constantFrom("one", "two", "three")),
  })
  .map(({ operations, validateOnly, request }) => async (database) => {
    const digest = Buffer.from(operations.length === 1 ? "single" : "several");
    const options: CommitOptions = {
      validateOnly,
      ...(request !== undefined && { request: { id: request, digest } }),
    };
    const { revision, messages } = await database.commit(operations, options);
    return { revision, messages: messages.map((bytes, index) => plain(operations[index], bytes)) };
  });

/** Several at once: they may share a transaction. */
const together: fc.Arbitrary<Command> = fc
  .array(operation, { minLength: 2, maxLength: 5 })
  .map((operations) => async (database) => {
    const done = operations.map((each) => database.commit([each]));
    const outcomes = await Promise.allSettled(done);
    return outcomes.map((outcome, index) =>
      outcome.status === "fulfilled"
        ? [outcome.value.revision, plain(operations[index], outcome.value.messages[0])]
        : failure(outcome.reason),
    );
  });

const FILTERS = [
  "",
  'display_name = "a"',
  "display_name > 'B' OR biography:*",
  'aliases:"a" AND NOT links:home',
  'links.home = "é"',
  'region_code = "BR"',
  'display_name = "a*"',
  "biography != ''",
  'name >= "artists/3"',
];
const ORDERS = [
  "",
  "display_name",
  "biography desc, display_name",
  "region_code desc",
  "name desc",
];

const list: fc.Arbitrary<Command> = fc
  .tuple(fc.constantFrom(...FILTERS), fc.constantFrom(...ORDERS), fc.integer({ min: 1, max: 3 }))
  .map(([filter, orderBy, pageSize]) => async (database) => {
    const pages: unknown[] = [];
    for (let after: Awaited<ReturnType<typeof listing>>["next"]; ; ) {
      const page = await listing(database, ArtistSchema, {
        filter,
        orderBy,
        pageSize,
        after,
        includeTotalSize: true,
      });
      pages.push([page.messages.map(timeless), page.totalSize, page.revision]);
      after = page.next;
      if (!after) return pages;
    }
  });

const get: fc.Arbitrary<Command> = fc
  .tuple(fc.constantFrom(ArtistSchema, AlbumSchema), key)
  .map(([desc, id]) => async (database) => {
    const { message, revision } = await database.get(planOf(desc), id);
    return [revision, message && timeless(fromBinary(desc, message) as Message)];
  });

const commands = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: commit },
    { weight: 2, arbitrary: together },
    { weight: 3, arbitrary: list },
    { weight: 2, arbitrary: get },
  ),
  { minLength: COMMANDS, maxLength: COMMANDS },
);

/** The message of an operation without its times, which differ. */
function plain(operation: Operation | undefined, bytes: Uint8Array | undefined): unknown {
  if (!bytes || !operation || !("plan" in operation)) return undefined;
  return timeless(fromBinary(operation.plan.desc, bytes) as Message);
}

function timeless(message: Message): unknown {
  const desc = message.$typeName === ArtistSchema.typeName ? ArtistSchema : AlbumSchema;
  const bare = { ...message, createTime: undefined, updateTime: undefined };
  return Buffer.from(toBinary(desc, create(desc, bare as never))).toString("hex");
}

/** What clients are told of an error. */
function failure(error: unknown): unknown {
  if (!(error instanceof StoreError)) return String(error);
  const { code, message, details } = error;
  const { cause, ...told } = details;
  return { code, message, told };
}

const outcome = (command: Command, database: Database) => command(database).catch(failure);

test(`both drivers answer ${RUNS} times ${COMMANDS} random commands alike (SEED=${SEED})`, async () => {
  const seen = { answers: 0, errors: new Map<string, number>() };
  const property = fc.asyncProperty(commands, async (some) => {
    const over: (() => unknown)[] = [];
    const whenOver = (action: () => unknown) => over.unshift(action);
    const sqlite = (await makeSqliteStore(whenOver)).open();
    const postgres = (await makePostgresDatabase(whenOver)).open();
    try {
      for (const command of some) {
        const [expected, found] = [
          await outcome(command, sqlite),
          await outcome(command, postgres),
        ];
        expect(found).toEqual(expected);
        const { code } = (expected ?? {}) as { readonly code?: string };
        if (code === undefined) seen.answers += 1;
        else seen.errors.set(code, (seen.errors.get(code) ?? 0) + 1);
      }
    } finally {
      for (const action of over) await action();
    }
  });
  await fc.assert(property, { numRuns: RUNS, seed: SEED, endOnFailure: true });
  // If little went well, or nothing went wrong, being equal would say little.
  expect(seen.answers).toBeGreaterThan(RUNS * COMMANDS * 0.3);
  for (const code of ["RESOURCE_NOT_FOUND", "RESOURCE_EXISTS", "FOREIGN_KEY", "ETAG_MISMATCH"]) {
    expect(seen.errors.get(code) ?? 0, code).toBeGreaterThan(0);
  }
}, 600_000);

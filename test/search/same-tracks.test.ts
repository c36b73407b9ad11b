// Both databases find the same tracks, whatever is in them and whatever is searched for: PostgreSQL has its
// words from functions of its own, which must cut and fold as FTS5 does.

import { copyFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { AlbumSchema } from "../../gen/chinook/v1/album_pb.ts";
import { ArtistSchema } from "../../gen/chinook/v1/artist_pb.ts";
import { MediaTypeSchema } from "../../gen/chinook/v1/media_type_pb.ts";
import { TrackSchema } from "../../gen/chinook/v1/track_pb.ts";
import { adoptDatabase } from "../../src/chinook/adopt/adopt.ts";
import type { Database } from "../../src/database/database.ts";
import { openSession } from "../../src/database/postgres/session.ts";
import { StoreError } from "../../src/errors.ts";
import type { SqlValue } from "../../src/schema/sql-value.ts";
import { makePostgresDatabase } from "../contract/postgres-store.ts";
import { makeSqliteStore, storeIn } from "../contract/sqlite-store.ts";
import { creating } from "../contract/support.ts";
import { realChinook } from "../support/chinook.ts";
import { tempDir } from "../support/temp.ts";
import { idsOf } from "./found.ts";
import { withConnection } from "./support.ts";

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);
/** How many random queries there are. */
const RUNS = Number(process.env.RUNS ?? 300);
const TRACKS = 150;

/** What scripts, their cases and their marks do, and what has no letter. */
const PIECE = fc.oneof(
  fc.constantFrom(
    ...[
      "AC/DC",
      "Rock'n'Roll",
      "Motörhead",
      "MOTÖRHEAD",
      "Sólrún",
      "ægir",
      "Ægir",
      "straße",
      "STRASSE",
    ],
    ...[
      "Καλογήρου",
      "ΚΑΛΟΓΉΡΟΥ",
      "ΟΔΟΣ",
      "οδός",
      "Йога",
      "йОГА",
      "ёлка",
      "İstanbul",
      "ıslak",
      "ǅ",
      "ǆ",
    ],
    ...[
      "夜行バス",
      "倶楽部",
      "ガ",
      "カ\u3099",
      "한국",
      "हिन्दी",
      "ไทย",
      "العَرَبِيَّة",
      "עִבְרִית",
      "Ա",
      "ა",
      "Ა",
      "Ꭰ",
      "ꭰ",
    ],
    ...[
      "😀",
      "🤖",
      "🎸",
      "👩‍🎤",
      "𝄞",
      "𝐀",
      "𐐀",
      "𐐨",
      "①",
      "½",
      "²",
      "Ⅳ",
      "ⅳ",
      "ﬁ",
      "Ａ",
      "ａ",
      "\uE000",
      "\u{10FFFF}",
    ],
    ...[
      "o\u0308",
      "\u0308",
      "x\u0300\u0301y",
      "\u00AD",
      "\u200D",
      "\uFEFF",
      "\u0085",
      "ſ",
      "K",
      "Å",
      "ẞ",
      "ǰ",
    ],
  ),
  fc.constantFrom(
    "a",
    "b",
    "a b",
    "B a",
    "kelp",
    "Kelp",
    "kelpie",
    "99%",
    "C++",
    "--",
    "…",
    "*",
    "\\",
    ":",
    "'",
  ),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 4 }),
  fc.string({ unit: "binary", minLength: 1, maxLength: 3 }),
);
const GLUE = fc.constantFrom(" ", " ", " ", "-", "", "\t", "/", "\u00A0", "・");
const TEXT = fc
  .array(fc.tuple(PIECE, GLUE), { minLength: 1, maxLength: 6 })
  .map((pieces) => pieces.flat().join("").replaceAll("\0", ""))
  .filter((text) => text !== "" && text.length < 100);

/** A part of a text, perhaps in other letters, as a word, a prefix or a phrase. */
const TERM = fc
  .tuple(
    TEXT,
    fc.nat(20),
    fc.nat(20),
    fc.constantFrom<(text: string) => string>(
      (text) => text,
      (text) => text.toLowerCase(),
      (text) => text.toUpperCase(),
      (text) => text.normalize("NFD"),
    ),
    fc.constantFrom<(text: string) => string>(
      (text) => text,
      (text) => `${text}*`,
      (text) => `"${text.replaceAll('"', "")}"`,
    ),
  )
  .map(([text, from, length, change, form]) => {
    const letters = [...text];
    const start = from % letters.length;
    return form(change(letters.slice(start, start + 1 + length).join("")));
  });

/** Some words of one of the texts, perhaps as a phrase. */
function partOf(texts: readonly string[]): fc.Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom(...texts), fc.nat(20), fc.nat(3), fc.boolean())
    .map(([text, from, length, isPhrase]) => {
      const words = text.replaceAll('"', "").split(" ");
      const start = from % words.length;
      const part = words.slice(start, start + 1 + length).join(" ");
      return isPhrase ? `"${part}"` : part;
    });
}

interface Both {
  readonly inFile: Database;
  readonly onServer: Database;
}

async function stored(): Promise<Both & { readonly texts: readonly string[] }> {
  const texts = fc.sample(TEXT, { numRuns: TRACKS * 2, seed: SEED });
  const plain = { mediaType: "mediaTypes/1", duration: { seconds: 1n, nanos: 0 } };
  const unitPrice = { currencyCode: "USD", units: 1n, nanos: 0 };
  const operations = [
    creating(MediaTypeSchema, { displayName: "file" }, 1n),
    ...[1, 2, 3].map((n) => creating(ArtistSchema, { displayName: texts[n] ?? "" }, BigInt(n))),
    ...[1, 2, 3, 4, 5].map((n) =>
      creating(
        AlbumSchema,
        { title: texts[10 + n] ?? "", artist: `artists/${1 + (n % 3)}` },
        BigInt(n),
      ),
    ),
    ...Array.from({ length: TRACKS }, (_, n) => {
      const [title = "", composer = ""] = [texts[2 * n], texts[2 * n + 1]];
      const album = n % 4 ? { album: `albums/${1 + (n % 5)}` } : {};
      const init = { title, ...plain, unitPrice, ...album, ...(n % 3 && { composer }) };
      return creating(TrackSchema, init, BigInt(n + 1));
    }),
  ];
  const inFile = (await makeSqliteStore(onTestFinished)).open();
  const onServer = (await makePostgresDatabase(onTestFinished)).open();
  await Promise.all([inFile, onServer].map((each) => each.commit(operations, { answered: false })));
  return { inFile, onServer, texts };
}

async function foundIn(database: Database, query: string): Promise<readonly number[] | string> {
  try {
    return await idsOf(database, query);
  } catch (error) {
    if (error instanceof StoreError && error.code === "INVALID_FIELD") return error.message;
    throw error;
  }
}

test(`random queries find the same tracks (SEED=${SEED})`, async () => {
  const { inFile, onServer, texts } = await stored();
  const query = fc
    .array(fc.oneof(partOf(texts), TERM), { minLength: 1, maxLength: 2 })
    .map((terms) => terms.join(" "));
  const counts = { some: 0, none: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(query, async (text) => {
      const [wanted, found] = await Promise.all(
        [inFile, onServer].map((each) => foundIn(each, text)),
      );
      expect(found).toEqual(wanted);
      if (typeof found === "string") counts.refused++;
      else counts[found?.length ? "some" : "none"]++;
    }),
    { numRuns: RUNS, seed: SEED },
  );
  expect(Math.min(counts.some, counts.none)).toBeGreaterThan(RUNS / 20);
});

const chinook = realChinook();

test.skipIf(!chinook)(`so do queries on the real Chinook, adopted (SEED=${SEED})`, async () => {
  const path = join(tempDir(), "chinook.db");
  copyFileSync(chinook ?? "", path);
  await adoptDatabase(path, { lockTimeoutMs: 15_000 });
  const { url, open } = await makePostgresDatabase(onTestFinished);
  const session = await openSession({ url, connectTimeoutMs: 5_000 });
  onTestFinished(() => session.close());
  const texts = new Set<string>();
  for (const [table, columns] of CHINOOK_TABLES) {
    const rows = withConnection(path, (connection) => {
      const selected = connection.prepare<[], SqlValue[]>(`SELECT ${columns} FROM ${table}`);
      return selected.raw().all();
    });
    for (const value of rows.flat()) if (typeof value === "string") texts.add(value);
    const cells = columns
      .split(", ")
      .map((name, n) => `(line ->> ${n})::${TYPES[name] ?? "bigint"}`);
    const sql = `INSERT INTO ${table} (${columns}) SELECT ${cells.join(", ")} FROM json_array_elements(?::json) AS line`;
    const json = JSON.stringify(rows, (_, value) =>
      typeof value === "bigint" ? Number(value) : value,
    );
    await session.all({ sql, parameters: [json] });
  }
  const [inFile, onServer] = [storeIn(path, onTestFinished).open(), open()];
  const known = fc.sample(partOf([...texts]), { numRuns: RUNS / 4, seed: SEED });
  for (const query of [
    "motorhead",
    "AC/DC",
    '"let there be rock"',
    "são",
    "jorge ben*",
    ...known,
  ]) {
    const [wanted, found] = await Promise.all([inFile, onServer].map((db) => foundIn(db, query)));
    expect(found, query).toEqual(wanted);
  }
});

const TYPES: Readonly<Record<string, string>> = {
  Name: "text",
  Title: "text",
  Composer: "text",
  UnitPrice: "double precision",
};

const CHINOOK_TABLES = [
  ["artists", "ArtistId, Name"],
  ["albums", "AlbumId, Title, ArtistId"],
  ["media_types", "MediaTypeId, Name"],
  ["tracks", "TrackId, Name, AlbumId, MediaTypeId, Composer, Milliseconds, UnitPrice"],
] as const;

/** Of each script some; ideographs, Hangul and what is for private use are all alike. */
function* codePoints(): Generator<number> {
  for (let code = 1; code < 0x20000; code++) {
    const isAlike = (code > 0x3500 && code < 0x4dc0) || (code > 0x4e00 && code < 0xa000);
    const isLarge = (code > 0xac00 && code < 0xd7a0) || (code > 0x17000 && code < 0x1d000);
    if (isAlike || isLarge || (code >= 0xd800 && code < 0xf900)) continue;
    yield code;
  }
  yield* [0x20000, 0xe0001, 0xe0020, 0xe007f, 0xe0100, 0xe01ef, 0xf0000, 0x10fffd, 0x10ffff];
}

test("every letter is cut and folded as FTS5 does it", async () => {
  const words = [...codePoints()].map((code) => `x${String.fromCodePoint(code)}y`);
  // As many as are looked at of a text.
  const texts = Array.from({ length: Math.ceil(words.length / 1_500) }, (_, n) =>
    words.slice(n * 1_500, (n + 1) * 1_500).join(" "),
  );
  const wanted = withConnection(":memory:", (connection) => {
    connection.exec(`
      CREATE VIRTUAL TABLE texts USING fts5 (text, tokenize = 'unicode61 remove_diacritics 2');
      CREATE VIRTUAL TABLE words USING fts5vocab (texts, instance);`);
    const insert = connection.prepare("INSERT INTO texts (text) VALUES (?)");
    for (const text of texts) insert.run(text);
    return connection.prepare("SELECT term FROM words ORDER BY doc, offset").pluck().all();
  });
  const { url } = await makePostgresDatabase(onTestFinished);
  const session = await openSession({ url, connectTimeoutMs: 5_000 });
  onTestFinished(() => session.close());
  const found: unknown[] = [];
  for (const text of texts) {
    const sql = "SELECT word FROM search_words(?) ORDER BY place";
    found.push(...(await session.all({ sql, parameters: [text] })).flat());
  }
  expect(found.length).toBeGreaterThan(60_000);
  expect(found).toEqual(wanted);
});

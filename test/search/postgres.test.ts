// The index of PostgreSQL beside what it has in common with that of a file: texts without measure, programs that
// write at the same time, and reads that are given up.

import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { checkSearchIndex } from "../../src/chinook/search/search-index.ts";
import type { Database } from "../../src/database/database.ts";
import { openSession, type Session } from "../../src/database/postgres/session.ts";
import { makePostgresDatabase } from "../contract/postgres-store.ts";
import { idsOf, resultsOf } from "./found.ts";

interface Opened {
  readonly database: Database;
  readonly url: string;
  readonly other: Session;
}

const TRACK = "tracks (TrackId, Name, AlbumId, MediaTypeId, Milliseconds, UnitPrice)";

async function opened(): Promise<Opened> {
  const { url, open } = await makePostgresDatabase(onTestFinished);
  const other = await openSession({ url, connectTimeoutMs: 5_000 });
  onTestFinished(() => other.close());
  await other.script(`
    INSERT INTO media_types (MediaTypeId, Name) VALUES (1, 'm');
    INSERT INTO artists (ArtistId, Name) VALUES (1, 'Rust');
    INSERT INTO albums (AlbumId, Title, ArtistId) VALUES (1, 'Brine', 1);`);
  return { database: open(), url, other };
}

test("a text of any length can be written, and is searched as far as the limits go", async () => {
  const { database, other } = await opened();
  await other.script(`
    INSERT INTO ${TRACK} VALUES
      (1, repeat('x', 300000), 1, 1, 1, 1),
      (2, (SELECT string_agg('w' || n, ' ') FROM generate_series(1, 200000) AS n), 1, 1, 1, 1),
      (3, repeat('kelp foam ', 2000) || 'surf', 1, 1, 1, 1),
      (4, repeat('\u{1F916}', 5000), 1, 1, 1, 1),
      (5, repeat('é ', 100000), 1, 1, 1, 1),
      (6, repeat(' ', 9000) || 'late', 1, 1, 1, 1);
    UPDATE tracks SET Composer = Name;`);
  expect(await checkSearchIndex(database)).toEqual([]);
  const found = async (query: string) => idsOf(database, query);
  expect(await found("x*")).toEqual([1]);
  expect(await found("x".repeat(700))).toEqual([1]);
  expect(await found("w1 w700")).toEqual([2]);
  expect(await found("w200000")).toEqual([]);
  expect(await found('"kelp foam" rust')).toEqual([3]);
  expect(await found("surf")).toEqual([]);
  expect(await found('"e e" brine')).toEqual([5]);
  expect(await found("late")).toEqual([]);
  expect(await found("rust")).toEqual([1, 2, 3, 4, 5, 6]);
  const [result] = await resultsOf(database, "w9 w10");
  expect(result?.snippet).toBe(
    "…[w9] [w10] w11 w12 w13 w14 w15 w16 w17 w18 w19 w20 w21 w22 w23 w24…",
  );
});

test("a snippet has at most 16 words, and marks stretches that overlap as one", async () => {
  const { database, other } = await opened();
  const snippet = async (title: string, query: string) => {
    await other.all({ sql: "DELETE FROM tracks", parameters: [] });
    await other.all({ sql: `INSERT INTO ${TRACK} VALUES (1, ?, 1, 1, 1, 1)`, parameters: [title] });
    return (await resultsOf(database, query)).map((result) => result.snippet);
  };
  const letters = [..."abcdefghijklmnopqrst"].join(" ");
  expect(await snippet(letters, "a")).toEqual(["[a] b c d e f g h i j k l m n o p…"]);
  expect(await snippet(letters, "c d")).toEqual(["…[c] [d] e f g h i j k l m n o p q r…"]);
  expect(await snippet(`${letters}!`, "t")).toEqual(["…e f g h i j k l m n o p q r s [t]!"]);
  expect(await snippet("(A b, c d)", '"a b" "b c"')).toEqual(["([A b, c] d)"]);
  expect(await snippet("AC/DC, ac", "ac/d*")).toEqual(["[AC/DC], ac"]);
  expect(await snippet("Mo\u0308torhead \u0308x", "motör* X")).toEqual([
    "[Mo\u0308torhead] \u0308[x]",
  ]);
  expect(await snippet("Salt", "rust brine")).toEqual(["[Rust]"]);
});

test("what is written at the same time is in the index as all have left it", async () => {
  const { database, other, url } = await opened();
  const third = await openSession({ url, connectTimeoutMs: 5_000 });
  onTestFinished(() => third.close());
  await other.script("BEGIN; UPDATE albums SET Title = 'Foam' WHERE AlbumId = 1");
  const waiting = third.script(`INSERT INTO ${TRACK} VALUES (1, 'Kelp', 1, 1, 1, 1)`);
  await sleep(50);
  await other.script("COMMIT");
  await waiting;
  expect(await idsOf(database, "kelp foam")).toEqual([1]);
  // No phrase goes on from one text into the next.
  expect(await idsOf(database, '"kelp rust"')).toEqual([]);
  await other.script(`BEGIN; INSERT INTO ${TRACK} VALUES (2, 'Kelp', 1, 1, 1, 1)`);
  const renaming = third.script("UPDATE artists SET Name = 'Sand'");
  await sleep(50);
  await other.script("COMMIT");
  await renaming;
  expect(await idsOf(database, "kelp sand")).toEqual([1, 2]);
  expect(await checkSearchIndex(database)).toEqual([]);
});

test("a table that is emptied leaves an empty index", async () => {
  const { database, other } = await opened();
  await other.script(`
    INSERT INTO ${TRACK} VALUES (1, 'Kelp', 1, 1, 1, 1);
    TRUNCATE tracks, invoice_items, playlist_track`);
  expect(await checkSearchIndex(database)).toEqual([]);
});

test("a search whose call is over is ended at the server", async () => {
  const { database, other } = await opened();
  await other.script(`
    INSERT INTO ${TRACK} SELECT n, repeat('a b ', 1000), 1, 1, 1, 1 FROM generate_series(1, 400) AS n`);
  const running = async () => {
    const sql =
      "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%ts_rank%' AND pid <> pg_backend_pid()";
    return (await other.all({ sql, parameters: [] })).length;
  };
  const ended = new AbortController();
  const searching = resultsOf(database, "a* b*", ended);
  while ((await running()) === 0) await sleep(1);
  ended.abort();
  await expect(searching).rejects.toMatchObject({ code: "CANCELLED" });
  while ((await running()) > 0) await sleep(1);
});

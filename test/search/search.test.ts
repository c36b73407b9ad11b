// SearchTracks over real gRPC, on the project's own rows: what it promises over every kind of database.

import { toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TrackSchema, TrackService } from "../../gen/chinook/v1/track_pb.ts";
import { BadRequestSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { RpcError } from "../../src/client/client.ts";
import { DRIVERS, runSearchStore, type SearchStore, startSearchStore } from "./stores.ts";

const INVALID_ARGUMENT = 3;

const tracksOf = ({ connection }: SearchStore) => connection.service(TrackService);

/** All results, page by page. */
async function searchAll(from: SearchStore, query: string, pageSize = 0) {
  const pages = [];
  let pageToken = "";
  do {
    const page = await tracksOf(from).searchTracks({ query, pageSize, pageToken });
    pages.push(page.results);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return { pages, results: pages.flat() };
}

async function namesOf(from: SearchStore, query: string): Promise<(string | undefined)[]> {
  const { results } = await searchAll(from, query);
  return results.map(({ track }) => track?.name);
}

/** Puts tracks into the store as another program would, without album and composer. */
async function addTracks(to: SearchStore, titles: readonly string[]): Promise<void> {
  const [[newest] = []] = await to.query("SELECT coalesce(max(TrackId), 0) FROM tracks");
  const values = titles.map(
    (title, index) => `(${Number(newest) + 1 + index}, '${title}', 1, 1000, 0.99)`,
  );
  const columns = "TrackId, Name, MediaTypeId, Milliseconds, UnitPrice";
  await to.execute(`INSERT INTO tracks (${columns}) VALUES ${values.join(", ")}`);
}

describe.each(DRIVERS)("over %s", (driver) => {
  let store: SearchStore;

  beforeAll(async () => {
    store = await runSearchStore(driver, { fixtures: true });
  });
  afterAll(() => store.stop());

  describe("finds", () => {
    test("by title, composer, album and artist, whatever the case", async () => {
      const [title, composer, album, artist] = await Promise.all(
        ["gunwale", "dell marchetti", '"GUARDA-SOL"', "velvet otters"].map((q) =>
          searchAll(store, q),
        ),
      );
      expect(title?.results.map(({ track }) => track?.title)).toEqual([
        "Gunwale Blues",
        "Gunwale Blues",
      ]);
      expect(composer?.results.some(({ track }) => track?.title === "Gunwale Blues")).toBe(true);
      expect(album?.results.map(({ track }) => track?.album)).toContain("albums/5");
      expect(artist?.results.length).toBeGreaterThan(10);
    });

    test("folds diacritics both ways", async () => {
      const bare = await namesOf(store, "solrun hvitadal");
      expect(bare.length).toBeGreaterThan(0);
      expect(await namesOf(store, "Sólrún HVÍTADAL")).toEqual(bare);
      expect(await namesOf(store, "señora")).toEqual(await namesOf(store, "senora"));
      const greek = await namesOf(store, "Καλογήρου");
      expect(greek.length).toBeGreaterThan(0);
      expect(await namesOf(store, "ΚΑΛΟΓΉΡΟΥ".normalize("NFD"))).toEqual(greek);
    });

    test("words anywhere, phrases as they stand, prefixes", async () => {
      expect(await namesOf(store, "wet slick")).not.toEqual([]);
      expect(await namesOf(store, '"wet slick"')).toEqual([]);
      expect(await namesOf(store, '"slick, wet"')).not.toEqual([]);
      expect(await namesOf(store, "gunw")).toEqual([]);
      expect(await namesOf(store, "gunw*")).toEqual(await namesOf(store, "gunwale"));
    });
  });

  describe("results", () => {
    test("have the track as Get has it, a snippet and a score", async () => {
      const { results } = await tracksOf(store).searchTracks({ query: "gunwale blu*" });
      const [result] = results;
      const track = await tracksOf(store).getTrack({ name: result?.track?.name ?? "" });
      expect(result?.track).toEqual(track);
      expect(result?.snippet).toBe("[Gunwale] [Blues]");
      expect(result?.score).toBeGreaterThan(0);
    });

    test("come the best first: title, artist, album, composer; equals by id", async () => {
      const fresh = await startSearchStore(driver);
      await fresh.execute(`
      INSERT INTO media_types (MediaTypeId, Name) VALUES (1, 'm');
      INSERT INTO artists (ArtistId, Name) VALUES (1, 'Rust'), (2, 'Kelp');
      INSERT INTO albums (AlbumId, Title, ArtistId) VALUES (1, 'Brine', 1), (2, 'Kelp', 1), (3, 'Foam', 2);`);
      await addTracks(fresh, ["Salt", "Salt", "Salt", "Kelp", "Kelp", "Salt", "Salt"]);
      await fresh.execute(`
      UPDATE tracks SET AlbumId = 1, Composer = 'Sand';
      UPDATE tracks SET Composer = 'Kelp' WHERE TrackId = 1;
      UPDATE tracks SET AlbumId = TrackId WHERE TrackId IN (2, 3);`);
      const { results } = await searchAll(fresh, "kelp");
      const ids = results.map(({ track }) => track?.name.slice("tracks/".length));
      expect(ids).toEqual(["4", "5", "3", "2", "1"]);
      const [best, equal, ...others] = results.map(({ score }) => score);
      expect(best).toBe(equal);
      expect([best, ...others]).toEqual(
        [...new Set([best, ...others])].sort((x, y) => (y ?? 0) - (x ?? 0)),
      );
    });

    test("show the column that matches best", async () => {
      const { results } = await tracksOf(store).searchTracks({ query: "dell marchetti" });
      expect(results.every(({ snippet }) => snippet.includes("[Dell] [Marchetti]"))).toBe(true);
    });

    test("of rows that another program wrote are rebuilt", async () => {
      const fresh = await startSearchStore(driver, { fixtures: true });
      await fresh.execute("UPDATE tracks SET Composer = 'Zebulon Quux' WHERE TrackId = 4");
      expect(await fresh.query("SELECT wire FROM tracks WHERE TrackId = 4")).toEqual([[null]]);
      const { results } = await searchAll(fresh, "zebulon");
      const track = await tracksOf(fresh).getTrack({ name: "tracks/4" });
      expect(results.map((result) => result.track)).toEqual([track]);
      expect(track.composer).toBe("Zebulon Quux");
    });
  });

  describe("pages", () => {
    test.for([1, 2, 7, 1000])("of %i hold every result once, in one order", async (pageSize) => {
      const whole = await tracksOf(store).searchTracks({ query: "o*", pageSize: 1000 });
      expect(whole.results.length).toBeGreaterThan(20);
      const { pages, results } = await searchAll(store, "o*", pageSize);
      expect(results).toEqual(whole.results);
      expect(pages.slice(0, -1).every((page) => page.length === pageSize)).toBe(true);
    });

    test("end before they exceed their bytes", async () => {
      const small = await startSearchStore(driver, {
        fixtures: true,
        limits: { pageBytes: 2_000 },
      });
      const { pages, results } = await searchAll(small, "o*", 1000);
      expect(pages.length).toBeGreaterThan(5);
      for (const page of pages) {
        const bytes = page.map(({ track }) => (track ? toBinary(TrackSchema, track).length : 0));
        const sum = bytes.reduce((a, b) => a + b, 0);
        expect(page.length === 1 || sum <= 2_000).toBe(true);
      }
      expect(results.map(({ track }) => track?.name)).toEqual(await namesOf(store, "o*"));
    });

    test.for([
      ["the last of each page", (page: string[]) => page.slice(-1)],
      ["all of each page", (page: string[]) => page],
      ["what comes next", (page: string[], next: string[]) => [...page.slice(0, 3), ...next]],
      ["none", () => []],
    ] as const)("skip and repeat no row that stays: others come, and %s go", async ([, choose]) => {
      const busy = await startSearchStore(driver);
      await busy.execute("INSERT INTO media_types (MediaTypeId, Name) VALUES (1, 'm')");
      const titles = Array.from({ length: 150 }, (_, i) =>
        i % 3 ? "Kelp" : `Kelp and ${i} other words`,
      );
      await addTracks(busy, titles);
      const [seen, gone]: [string[], Set<string>] = [[], new Set()];
      for (let pageToken = ""; ; ) {
        const request = { query: "kelp", pageSize: 7, pageToken };
        const page = await tracksOf(busy).searchTracks(request);
        const names = page.results.map(({ track }) => track?.name ?? "");
        seen.push(...names);
        pageToken = page.nextPageToken;
        if (pageToken === "") break;
        const ahead = await tracksOf(busy).searchTracks({ ...request, pageSize: 1, pageToken });
        const going = choose(
          names,
          ahead.results.map(({ track }) => track?.name ?? ""),
        );
        for (const name of going) gone.add(name);
        const ids = going.map((name) => name.slice("tracks/".length));
        if (ids.length > 0) {
          await busy.execute(`DELETE FROM tracks WHERE TrackId IN (${ids.join(", ")})`);
        }
        // Each of these moves the rank of every row: the first matches, the other makes rows longer.
        await addTracks(busy, ["Kelp", "Something quite different that goes on for a while"]);
      }
      expect(new Set(seen).size).toBe(seen.length);
      const staying = titles
        .map((_, index) => `tracks/${index + 1}`)
        .filter((name) => !gone.has(name));
      expect(staying.filter((name) => !seen.includes(name))).toEqual([]);
    });

    test("begin with a token of the same query only", async () => {
      const { nextPageToken } = await tracksOf(store).searchTracks({ query: "o*", pageSize: 5 });
      const more = { pageSize: 9, pageToken: nextPageToken };
      expect((await tracksOf(store).searchTracks({ query: "o*", ...more })).results).toHaveLength(
        9,
      );
      await expect(tracksOf(store).searchTracks({ query: "e*", ...more })).rejects.toMatchObject({
        code: INVALID_ARGUMENT,
      });
      const list = { pageToken: nextPageToken };
      await expect(tracksOf(store).listTracks(list)).rejects.toMatchObject({
        code: INVALID_ARGUMENT,
      });
    });
  });

  describe("refuses", () => {
    test.for([
      [{ query: "" }, "query"],
      [{ query: ' "*" - ' }, "query"],
      [{ query: "ö".repeat(513) }, "query"],
      [{ query: "a", pageSize: -1 }, "page_size"],
      [{ query: "a", pageToken: "bm90aGluZw" }, "page_token"],
    ] as const)("%j", async ([request, field]) => {
      const error = await tracksOf(store)
        .searchTracks(request)
        .catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(RpcError);
      const { code, status } = error as RpcError;
      expect(code).toBe(INVALID_ARGUMENT);
      const badRequest = status?.details.find(({ typeUrl }) => typeUrl.endsWith("BadRequest"));
      expect(badRequest).toBeDefined();
      const text = Buffer.from(badRequest?.value ?? []).toString("utf8");
      expect(BadRequestSchema.typeName).toBe("google.rpc.BadRequest");
      expect(text).toContain(field);
    });

    test("nothing that only looks like an operator", async () => {
      for (const query of [
        'gunwale" OR "1',
        "gunwale NEAR(",
        "gunwale -",
        "gunwale AND (",
        "x\0gunwale",
      ]) {
        await expect(tracksOf(store).searchTracks({ query })).resolves.toBeDefined();
      }
    });
  });
});

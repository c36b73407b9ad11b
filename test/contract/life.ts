// What else handlers rely on: secrets, the status, verification, and that calls end when they must.

import { expect, test } from "vitest";
import { AlbumSchema } from "../../gen/chinook/v1/album_pb.ts";
import { ArtistSchema } from "../../gen/chinook/v1/artist_pb.ts";
import { MediaTypeSchema } from "../../gen/chinook/v1/media_type_pb.ts";
import type { CallLimits } from "../../src/database/database.ts";
import type { Finding } from "../../src/database/finding.ts";
import { createStatementLog } from "../../src/observe/statement-run.ts";
import { creating, getting, listing, type MakeStore, PLANS, planOf, sale } from "./support.ts";

const ARTISTS = [1n, 2n, 3n].map((key) => creating(ArtistSchema, { displayName: "A" }, key));
/** Another thread or machine must be asked for it. */
const SCAN = { filter: 'display_name = "A"', orderBy: "biography" };

export function describeLife(makeStore: MakeStore): void {
  test("a secret is 32 bytes by its name, the same for all who open the store", async () => {
    const store = await makeStore();
    const [first, second] = [store.open(), store.open()];
    const secret = await first.secret("one");
    expect(secret).toHaveLength(32);
    expect(hex(await second.secret("one"))).toBe(hex(secret));
    expect(hex(await first.secret("two"))).not.toBe(hex(secret));
    await first.close();
    expect(hex(await store.open().secret("one"))).toBe(hex(secret));
    expect(hex(await (await makeStore()).open().secret("one"))).not.toBe(hex(secret));
  });

  test("the status has the revision, and takes none", async () => {
    const database = (await makeStore()).open();
    expect((await database.status()).revision).toBe(0n);
    const { revision } = await database.commit(ARTISTS);
    await database.secret("one");
    await database.status();
    expect((await database.status()).revision).toBe(revision);
  });

  test("verify goes through every row, and finds nothing in what the database wrote", async () => {
    const database = (await makeStore()).open();
    const album = creating(AlbumSchema, { title: "T", artist: "artists/1" });
    await database.commit([...ARTISTS, album, ...sale(3)]);
    const findings: unknown[] = [];
    let [done, total] = [0, 0];
    for await (const step of database.verify(PLANS)) {
      expect(step.rowsDone).toBeGreaterThanOrEqual(done);
      [done, total] = [step.rowsDone, step.rowsTotal];
      findings.push(...step.findings);
    }
    expect(findings).toEqual([]);
    expect([done, total]).toEqual([8, 8]);
  });

  test("rows are checked some at a time, each once", async () => {
    const database = (await makeStore()).open();
    await database.commit(ARTISTS);
    const seen: [number, bigint | undefined][] = [];
    let after: bigint | undefined;
    do {
      const check = { plan: planOf(ArtistSchema), plans: PLANS, after, limit: 2 };
      const { rows, findings, last } = await database.checkRows(check);
      expect(findings).toEqual([]);
      seen.push([rows, last]);
      after = last;
    } while (after !== undefined);
    expect(seen).toEqual([
      [2, 2n],
      [1, 3n],
      [0, undefined],
    ]);
  });

  test("verify finds what another program has broken", async () => {
    const database = (await makeStore()).open();
    await database.commit(sale(1));
    const statement = {
      sql: "UPDATE media_types SET data = '{\"noSuchField\": 1}'",
      parameters: [],
    };
    await database.commit([{ kind: "execute", statement }]);
    const check = { plan: planOf(MediaTypeSchema), plans: PLANS, after: undefined, limit: 10 };
    const { findings } = await database.checkRows(check);
    expect(findings.map(({ kind, subject }) => [kind, subject])).toEqual([
      ["unreadable", "mediaTypes/1"],
    ]);
  });

  test("verify tells what is wrong with a row, and what a mend repairs", async () => {
    const database = (await makeStore()).open();
    // The revision that a row has says that it is the server's own write.
    const breaks = [
      ["checksum", "revision = revision + 1"],
      ["differs", "Name = 'Z', revision = revision + 1, checksum = checksum + 1"],
      ["revision", "revision = revision + 99, checksum = checksum + 99"],
    ];
    for (const [index, [, change]] of breaks.entries()) {
      const key = BigInt(index + 1);
      await database.commit([creating(ArtistSchema, { displayName: "A" }, key)]);
      const sql = `UPDATE artists SET ${change} WHERE ArtistId = ?`;
      await database.commit([{ kind: "execute", statement: { sql, parameters: [key] } }]);
    }
    const found = async () => {
      const findings: Finding[] = [];
      for await (const step of database.verify(PLANS)) findings.push(...step.findings);
      return findings;
    };
    const findings = await found();
    const kinds = findings.map(({ kind, subject }) => [kind, subject]);
    expect(kinds).toEqual(breaks.map(([kind], index) => [kind, `artists/${index + 1}`]));
    for (const { repair } of findings) {
      if (repair) await database.commit([{ kind: "mend", ...repair }]);
    }
    expect((await found()).map(({ kind }) => kind)).toEqual(["differs", "revision"]);
    expect(await getting(database, ArtistSchema, 1n)).toMatchObject({ displayName: "A" });
  });

  test("the bare rows of a table are told a stretch at a time", async () => {
    const database = (await makeStore()).open();
    const { revision } = await database.commit(ARTISTS);
    const plan = planOf(ArtistSchema);
    const first = await database.bareRows(plan, undefined, 2);
    expect(first).toEqual({ looked: 2, last: 2n, rows: [], revision });
    const rest = await database.bareRows(plan, 2n, 2);
    expect(rest).toEqual({ looked: 1, last: 3n, rows: [], revision });
    const none = await database.bareRows(plan, 3n, 2);
    expect(none).toEqual({ looked: 0, last: undefined, rows: [], revision });
  });

  test("the statements of a call are noted where it says, and no others", async () => {
    const database = (await makeStore()).open();
    const noted = async (run: (call: CallLimits) => Promise<unknown>) => {
      const statements = createStatementLog();
      await run({ statements }).catch(() => {});
      return statements.runs;
    };
    const plan = planOf(ArtistSchema);
    const all = await Promise.all([
      noted((call) => database.commit(ARTISTS, call)),
      noted((call) => database.commit([creating(MediaTypeSchema, { displayName: "M" })], call)),
    ]);
    const [artists, mediaTypes] = all.map((runs) => runs.map(({ name }) => name));
    expect(artists).toContain("INSERT artists");
    expect(artists).not.toContain("INSERT media_types");
    expect(mediaTypes).toContain("INSERT media_types");
    expect(mediaTypes).not.toContain("INSERT artists");
    for (const names of [artists, mediaTypes]) expect(names).toContain("COMMIT");
    const batch = { plan, keys: [1n, 2n], item: { field: 1 }, answerBytesMax: 1_000 };
    for (const run of [
      (call: CallLimits) => database.get(plan, 1n, call),
      (call: CallLimits) => database.batch(batch, call),
      (call: CallLimits) => listing(database, ArtistSchema, SCAN, call),
    ]) {
      const runs = await noted(run);
      const reads = runs.filter(({ name }) => name === "SELECT artists");
      expect(reads).not.toEqual([]);
      expect(reads.every(({ durationNs, rows }) => durationNs > 0 && rows > 0)).toBe(true);
    }
    const sql = "SELECT 1 FROM nowhere WHERE ?";
    const failed = await noted((call) => database.read([{ sql, parameters: [1n] }], call));
    const faults = failed.filter(({ errorCode }) => errorCode !== undefined);
    expect(faults.map(({ name, rows }) => [name, rows])).toContainEqual(["SELECT nowhere", 0]);
  });

  test("a call whose deadline has passed ends with it", async () => {
    const database = (await makeStore()).open();
    await database.commit(ARTISTS);
    const late = { deadlineMs: Date.now() - 1 };
    const ended = { code: "DEADLINE_EXCEEDED" };
    await expect(listing(database, ArtistSchema, SCAN, late)).rejects.toMatchObject(ended);
    const keys = [1n];
    const batch = { plan: planOf(ArtistSchema), keys, item: { field: 1 }, answerBytesMax: 1_000 };
    await expect(database.batch(batch, late)).rejects.toMatchObject(ended);
    await expect(database.commit(ARTISTS, late)).rejects.toMatchObject(ended);
    expect((await listing(database, ArtistSchema, SCAN)).count).toBe(3);
  });

  test("a call that is cancelled ends with it, before it begins and while it waits", async () => {
    const database = (await makeStore()).open();
    await database.commit(ARTISTS);
    const ended = { code: "CANCELLED" };
    const signal = AbortSignal.abort();
    await expect(listing(database, ArtistSchema, SCAN, { signal })).rejects.toMatchObject(ended);
    const [more] = [creating(ArtistSchema, { displayName: "B" })];
    await expect(database.commit([more], { signal })).rejects.toMatchObject(ended);
    const stopping = new AbortController();
    const waiting = listing(database, ArtistSchema, SCAN, stopping);
    stopping.abort();
    await expect(waiting).rejects.toMatchObject(ended);
    expect((await listing(database, ArtistSchema)).count).toBe(3);
  });

  test("what has no deadline has the time of a read", async () => {
    const database = (await makeStore()).open({ limits: { readTimeoutMs: 0 } });
    await database.commit(ARTISTS);
    const late = listing(database, ArtistSchema, SCAN);
    await expect(late).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });

  test("after it is closed it answers nothing, and what waits is told so", async () => {
    const database = (await makeStore()).open();
    await database.commit(ARTISTS);
    const waiting = listing(database, ArtistSchema, SCAN);
    // It is answered, or told.
    const outcome = waiting.then(
      ({ count }) => count,
      ({ code }) => code,
    );
    await database.close();
    expect([3, "DATABASE_UNAVAILABLE"]).toContain(await outcome);
    const closed = { code: "DATABASE_UNAVAILABLE" };
    await expect(listing(database, ArtistSchema, SCAN)).rejects.toMatchObject(closed);
    await expect(database.commit(ARTISTS)).rejects.toMatchObject(closed);
  });
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

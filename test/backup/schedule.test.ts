// A server makes backups by itself and lets those go that its rules do not keep: never the newest, never
// one that somebody asked for, and nothing that is not a backup.

import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { DatabaseService } from "../../gen/protostore/v1/database_service_pb.ts";
import type { BackupRetention, KeptPer } from "../../src/config.ts";
import { listBackups } from "../../src/database/sqlite/backup/manifest.ts";
import {
  findExpired,
  isScheduled,
  removeExpired,
  scheduledName,
} from "../../src/database/sqlite/backup/retention.ts";
import { dueByCron, dueEvery } from "../../src/health/due-times.ts";
import { openClient } from "../access/support.ts";
import { openDatabase } from "../database/writer.ts";
import { logged, runCli, startServerProcess } from "../service/cli.ts";
import { startTestService } from "../support/service.ts";
import { tempDir } from "../support/temp.ts";
import { askForBackup, backUp } from "./support.ts";

const PATIENT = { timeout: 20_000 };
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = Date.UTC(2026, 10, 29, 12, 30);

const RULE = fc.record({
  ageMs: fc.integer({ min: 1, max: 90 * DAY }),
  per: fc.constantFrom<KeptPer>("hour", "day", "week", "month"),
});
const RULES = fc.array(RULE, { minLength: 1, maxLength: 4 });
const TIME = fc.integer({ min: NOW - 100 * DAY, max: NOW + 2 * DAY });
/** Often on the borders of periods and ages. */
const EDGE = fc
  .tuple(fc.integer({ min: -2_400, max: 48 }), fc.integer({ min: -1, max: 1 }))
  .map(([hours, ms]) => Date.UTC(2026, 10, 29, 12) + hours * HOUR + ms);
const TIMES = fc.uniqueArray(fc.oneof(TIME, EDGE), { maxLength: 60 });

/** The period of a time, told in another way than the code does. */
function periodOf(time: number, per: KeptPer): string {
  const date = new Date(time);
  const day = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  switch (per) {
    case "hour":
      return [...day, date.getUTCHours()].join();
    case "day":
      return day.join();
    case "week": {
      const monday = new Date(Date.UTC(day[0] as number, day[1] as number, day[2]));
      while (monday.getUTCDay() !== 1) monday.setUTCDate(monday.getUTCDate() - 1);
      return String(monday.getTime());
    }
    case "month":
      return day.slice(0, 2).join();
  }
}

test("each rule keeps the newest of each of its periods; the newest of all is kept always", () => {
  fc.assert(
    fc.property(TIMES, RULES, (times, rules) => {
      const expired = findExpired(times, rules, NOW);
      const kept = times.filter((time) => !expired.includes(time));
      // Exactly those: told by what must be kept, time by time.
      for (const time of times) {
        const isNewestOfAll = times.every((other) => other <= time);
        const isWanted = rules.some(
          ({ ageMs, per }) =>
            NOW - time <= ageMs &&
            times.every(
              (other) =>
                other <= time || other > NOW || periodOf(other, per) !== periodOf(time, per),
            ),
        );
        expect(kept.includes(time)).toBe(isNewestOfAll || time > NOW || isWanted);
      }
      // Nothing more goes if it is asked again, in any order.
      expect(findExpired(kept.toReversed(), rules, NOW)).toEqual([]);
      expect(findExpired(times, [], NOW)).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

test("a backup is kept until it is older than its rule says", () => {
  const rules: BackupRetention[] = [{ ageMs: DAY, per: "hour" }];
  expect(findExpired([NOW - DAY, NOW], rules, NOW)).toEqual([]);
  expect(findExpired([NOW - DAY - 1, NOW], rules, NOW)).toEqual([NOW - DAY - 1]);
});

test("a month of hourly backups comes to a day of hours and a month of days", () => {
  const rules: BackupRetention[] = [
    { ageMs: DAY, per: "hour" },
    { ageMs: 30 * DAY, per: "day" },
  ];
  let times: number[] = [];
  for (let now = NOW - 40 * DAY; now <= NOW; now += HOUR) {
    times.push(now);
    const expired = new Set(findExpired(times, rules, now));
    times = times.filter((time) => !expired.has(time));
  }
  expect(times.filter((time) => NOW - time <= DAY)).toHaveLength(25);
  expect(times).toHaveLength(25 + 29);
});

test("only a schedule's own backups go, and nothing that only looks like one", async () => {
  const folder = tempDir();
  const { path } = await openDatabase();
  const names = [1, 2, 3].map((day) => scheduledName(NOW - day * DAY));
  for (const name of [...names, "asked-for", "auto-mine"]) await backUp(path, folder, name);
  const strange = ["auto-20200101t000000000z.db", "auto-20200101t000000001z.json", "x.db", "y.txt"];
  for (const name of strange) writeFileSync(join(folder, name), "{}");
  mkdirSync(join(folder, "auto-20200101t000000002z.db"));
  const before = readdirSync(folder).sort();
  const gone = await removeExpired(folder, [{ ageMs: 1, per: "day" }], NOW + 100 * 365 * DAY);
  // They were made now, one after the other, whatever they are called: the last one is the newest.
  expect([...gone].sort()).toEqual([names[0], names[1]].sort());
  const lost = gone.flatMap((name) => [`${name}.db`, `${name}.json`]);
  expect(readdirSync(folder).sort()).toEqual(before.filter((name) => !lost.includes(name)));
});

test("a server makes them one after the other, and tells of the newest", async () => {
  const folder = join(tempDir(), "made");
  const backups = { folder, intervalMs: 1, keep: [{ ageMs: DAY, per: "day" as const }] };
  const service = await startTestService({ backups });
  const client = openClient(service.address);
  // One of the schedule's may be under way.
  const ask = () => askForBackup(client, "asked-for").then((made) => made?.name, String);
  await expect.poll(ask, PATIENT).toBe("asked-for");
  const statusOf = () => service.connection.service(DatabaseService).getDatabaseStatus({});
  const seen = new Set<string>();
  await expect
    .poll(async () => {
      const { backup } = await statusOf();
      if (backup?.name.startsWith("auto-")) seen.add(backup.name);
      return seen.size;
    }, PATIENT)
    .toBeGreaterThan(2);
  await service.stop();
  const left = (await listBackups(folder)).filter(isScheduled);
  expect(left.length).toBeLessThanOrEqual(2);
  expect(existsSync(join(folder, "asked-for.db"))).toBe(true);
  expect(readdirSync(folder).filter((name) => name.includes("partial"))).toEqual([]);
});

test("of several processes one has the schedule, and the next server goes on with it", async () => {
  const [folder, database] = [tempDir(), join(tempDir(), "x.db")];
  const args = ["--database", database, "--backup-dir", folder];
  const server = await startServerProcess(...args, "--processes", "2", "--backup-interval", "1s");
  const pids = () => logged(server, "made a backup");
  await expect.poll(() => pids().length, PATIENT).toBeGreaterThan(2);
  expect(new Set(pids()).size).toBe(1);
  await server.end("SIGTERM");
  const before = (await listBackups(folder)).length;
  const next = await startServerProcess(...args, "--backup-interval", "1d");
  await askForBackup(openClient(next.address), "asked-for");
  expect(await listBackups(folder)).toHaveLength(before + 1);
});

test("when one is due", async () => {
  const hourly = dueEvery(HOUR);
  expect(hourly(undefined, NOW)).toBe(NOW);
  expect(hourly(NOW - 5 * HOUR, NOW)).toBe(NOW - 4 * HOUR);
  expect(hourly(NOW + 5 * HOUR, NOW)).toBe(NOW + HOUR);
  const nightly = await dueByCron("0 3 * * *", "--backup-schedule");
  const due = new Date(nightly(undefined, NOW));
  expect([due.getHours(), due.getMinutes()]).toEqual([3, 0]);
  expect(due.getTime()).toBeGreaterThan(NOW);
  expect(nightly(undefined, due.getTime())).toBeGreaterThan(due.getTime());
});

test.for([
  [["--backup-interval", "1h"], "--backup-dir"],
  [["--backup-dir", "x", "--backup-interval", "1h", "--backup-schedule", "0 3 * * *"], "exclude"],
  [["--backup-dir", "x", "--backup-interval", "0h"], "for example 6h"],
  [["--backup-dir", "x", "--backup-keep", "24h:hourly,"], "30d:daily"],
  [["--backup-dir", "x", "--backup-keep", "24h:toString"], "30d:daily"],
  [["--backup-dir", "x", "--backup-schedule", "at night"], "--backup-schedule"],
  [["--backup-dir", "x", "--backup-schedule", "0 0 30 2 *"], "--backup-schedule"],
] as const)("%j stops the start", async ([args, reason]) => {
  const database = join(tempDir(), "x.db");
  const address = ["--address", "127.0.0.1:0"];
  const { code, stderr } = await runCli("serve", "--database", database, ...address, ...args);
  expect([code, stderr]).toEqual([1, expect.stringContaining(reason)]);
});

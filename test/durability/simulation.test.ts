// The two parts that the proof of power loss rests on: lines of strace become steps, and steps the
// files that a loss of power may leave.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tempDir } from "../support/temp.ts";
import { createDisk } from "./disk.ts";
import { createRandom } from "./random.ts";
import { type Event, parseCall, readTrace, type Step } from "./trace.ts";

const hex = (text: string) =>
  [...Buffer.from(text)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
const file = (path: string) => `7<${hex(path)}>`;

test("a call is read from its line", () => {
  const written = parseCall(`pwrite64(${file("/d/x.db")}, "${hex("a, b)")}", 5, 4096) = 5`);
  const write = { kind: "write", path: "/d/x.db", offset: 4096, data: Buffer.from("a, b)") };
  expect(written).toEqual(write);
  expect(parseCall(`fdatasync(${file("/d/x.db")}) = 0`)).toEqual({ kind: "sync", path: "/d/x.db" });
  expect(parseCall(`ftruncate(${file("/d/x.db")}, 512) = 0`)).toEqual({
    ...{ kind: "truncate", path: "/d/x.db", size: 512 },
  });
  expect(parseCall(`unlink("${hex("/d/x.db-wal")}") = 0`)).toEqual({
    ...{ kind: "unlink", path: "/d/x.db-wal" },
  });
});

test("a sync that failed, or that has not ended, is none", () => {
  expect(parseCall(`fdatasync(${file("/d/x.db")}) = -1 EIO (Input/output error)`)).toBeUndefined();
  expect(parseCall(`fdatasync(${file("/d/x.db")}) = ?`)).toBeUndefined();
});

test("a call that images are not made of is refused", () => {
  expect(() => parseCall(`fallocate(${file("/d/x.db")}, 0, 0, 4096) = 0`)).toThrow("fallocate");
  expect(() => parseCall(`pwrite64(${file("/d/x.db")}, "${hex("ab")}"..., 9, 0) = 9`)).toThrow();
});

test("calls of several threads are put together from their halves", async () => {
  const trace = join(tempDir(), "trace");
  const lines = [
    `11 pwrite64(${file("/d/x")}, "${hex("ab")}", 2, 0 <unfinished ...>`,
    `12 fsync(${file("/d/x")} <unfinished ...>`,
    "11 <... pwrite64 resumed>) = 2",
    `13 write(${file("/n")}, "${hex("note")}", 4) = 4`,
    "12 <... fsync resumed>) = 0",
    `11 fsync(${file("/d/x")} <unfinished ...>`,
    "11 +++ killed by SIGKILL +++",
  ];
  writeFileSync(trace, `${lines.join("\n")}\n`);
  expect(await readTrace(trace, "/n")).toEqual([
    { begin: 1, end: 3, step: expect.objectContaining({ kind: "write" }) },
    { begin: 2, end: 5, step: { kind: "sync", path: "/d/x" } },
    { begin: 4, end: 4, step: { kind: "note", path: "/n", text: "note" } },
  ]);
});

/** Events of calls that each began and ended at one line, from 1 on. */
function inOrder(...steps: readonly Step[]): Event[] {
  return steps.map((step, index) => ({ begin: index + 1, end: index + 1, step }));
}

/** Everything that may be found if the power fails after `events`, each file as text. */
function outcomes(base: Record<string, string>, events: readonly Event[]): Set<string> {
  const files = Object.entries(base).map(([path, text]) => [path, Buffer.from(text)] as const);
  const disk = createDisk(new Map(files), events);
  disk.advance(Math.max(...events.map(({ end }) => end)) + 1);
  const found = new Set<string>();
  for (let seed = 0; seed < 2_000; seed++) {
    const image = disk.image(createRandom(seed));
    found.add([...image].map(([path, bytes]) => `${path}=${bytes.toString("latin1")}`).join());
  }
  return found;
}

const write = (offset: number, text: string): Step => ({
  ...{ kind: "write", path: "/d/x", offset, data: Buffer.from(text) },
});
const sync: Step = { kind: "sync", path: "/d/x" };

test("what is synced stays, of what is not any part may", () => {
  const found = outcomes(
    { "/d/x": "----" },
    inOrder(write(0, "a"), sync, write(1, "b"), write(3, "c")),
  );
  expect(found).toEqual(new Set(["/d/x=a---", "/d/x=ab--", "/d/x=a--c", "/d/x=ab-c"]));
});

test("a sync covers only the writes that had ended when it began", () => {
  const events = [
    { begin: 1, end: 3, step: write(0, "a") },
    { begin: 2, end: 4, step: sync },
  ];
  expect(outcomes({ "/d/x": "-" }, events)).toContain("/d/x=-");
});

test("a write is torn at the sectors of the file", () => {
  const found = outcomes({ "/d/x": "-".repeat(1200) }, inOrder(write(500, "a".repeat(600))));
  const heads = new Set([...found].map((each) => each.split("=")[1]?.slice(500, 1100)));
  expect(heads).toContain("-".repeat(12) + "a".repeat(512) + "-".repeat(76));
});

test("a new file is there for certain only after its folder is synced", () => {
  const create: Step = { kind: "create", path: "/d/x" };
  expect(outcomes({}, inOrder(create, write(0, "a"), sync))).toEqual(new Set(["", "/d/x=a"]));
  const folder: Step = { kind: "sync", path: "/d" };
  expect(outcomes({}, inOrder(create, write(0, "a"), sync, folder))).toEqual(new Set(["/d/x=a"]));
});

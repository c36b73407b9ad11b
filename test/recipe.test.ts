// Does what the recipes of CONTRIBUTING.md say, to the letter and nothing else, in a copy of the
// repository, and then uses what was added. A recipe that no longer works fails here.

import { execFile } from "node:child_process";
import { globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { type CodeBlock, readCodeBlocks } from "./support/recipe-blocks.ts";
import { PACKAGE_PROGRAMS, runShellOk, startServer } from "./support/recipe-programs.ts";
import { copyTree } from "./support/recipe-tree.ts";

const run = promisify(execFile);

// Long, since it runs what takes a newcomer some commands; nothing in it is measured.
const TIMEOUT_MS = 180_000;

test("the recipe for a resource gives the five standard methods", {
  timeout: TIMEOUT_MS,
}, async () => {
  const copy = copyTree();
  const blocks = readCodeBlocks("CONTRIBUTING.md", "Add a resource");
  expect(blocks.map(({ language }) => language)).toEqual(["proto", "sh", "diff", "diff", "diff"]);
  for (const block of blocks) await follow(block, copy);
  // Node does not look at types when it runs a file.
  await runShellOk(copy, "tsc --project tsconfig.build.json --noEmit");

  const node = join(PACKAGE_PROGRAMS, "node");
  const serve = ["src/main.ts", "serve", "--database", "new.db", "--fixtures"];
  const call = reviewService(await startServer(copy, node, serve));

  const review = {
    album: "albums/1",
    author: "Ødegård",
    stars: 4,
    body: "Side two.",
    remarks: { "tracks/1": "too short", "tracks/2": "too long" },
  };
  const created = await call("CreateReview", { review });
  const times = { createTime: expect.any(String), updateTime: expect.any(String) };
  expect(created).toEqual({ name: "reviews/1", ...review, ...times, etag: expect.any(String) });
  expect(await call("GetReview", { name: "reviews/1" })).toEqual(created);

  const update = { review: { name: "reviews/1", stars: 5 }, updateMask: "stars" };
  const updated = await call("UpdateReview", update);
  expect(updated).toMatchObject({ ...review, stars: 5 });
  expect(updated.etag).not.toBe(created.etag);

  const other = await call("CreateReview", { review: { ...review, author: "Nkechi" } });
  const first = await call("ListReviews", { pageSize: 1 });
  expect(first).toEqual({ reviews: [updated], nextPageToken: expect.any(String) });
  const second = await call("ListReviews", { pageSize: 1, pageToken: first.nextPageToken });
  expect(second).toEqual({ reviews: [other] });

  expect(await call("DeleteReview", { name: "reviews/1" })).toEqual({});
  expect(await call("GetReview", { name: "reviews/1" })).toMatchObject({ code: "not_found" });

  const tooLong = { review: { ...review, author: "x".repeat(41) } };
  expect(await call("CreateReview", tooLong)).toMatchObject({
    code: "invalid_argument",
    message: "review.author: must have at most 40 characters",
  });
});

test("the recipes for a method, a limit, an error reason and a hook work on top of it", {
  timeout: TIMEOUT_MS,
}, async () => {
  const copy = copyTree();
  const recipes = [
    "Add a resource",
    "Add a method of its own",
    "Add a limit",
    "Add an error reason",
    "Add to what a database must do",
  ];
  for (const recipe of recipes) {
    const blocks = readCodeBlocks("CONTRIBUTING.md", recipe);
    expect(blocks, recipe).not.toEqual([]);
    for (const block of blocks) await follow(block, copy);
  }
  await runShellOk(copy, "tsc --project tsconfig.build.json --noEmit");
  await runShellOk(copy, "vitest run test/grpc/status.test.ts");

  const serve = ["src/main.ts", "serve", "--database", "new.db", "--fixtures"];
  const call = reviewService(await startServer(copy, join(PACKAGE_PROGRAMS, "node"), serve));
  await call("CreateReview", { review: { album: "albums/1", author: "Ødegård", stars: 3 } });
  const name = "reviews/1";
  expect(await call("PraiseReview", { name })).toMatchObject({ author: "Ødegård", stars: 4 });
  expect(await call("PraiseReview", { name })).toMatchObject({ stars: 5 });
  expect(await call("PraiseReview", { name })).toMatchObject({
    code: "failed_precondition",
    message: "reviews/1 has 5 stars already",
  });
});

test("the recipe for a kind of field makes one that keeps the laws", {
  timeout: TIMEOUT_MS,
}, async () => {
  const copy = copyTree();
  for (const block of readCodeBlocks("CONTRIBUTING.md", "Add a kind of field")) {
    await follow(block, copy);
  }
  await runShellOk(copy, "tsc --project tsconfig.build.json --noEmit");
  const output = await runShellOk(
    copy,
    "vitest run --reporter=verbose test/laws/field-kinds.test.ts",
  );
  expect(output).toContain("google_type_fraction");
});

/** Does what a block says: commands are run, a diff is applied, any other block is a new file. */
async function follow({ language, text, place }: CodeBlock, copy: string): Promise<void> {
  switch (language) {
    case "sh":
      await runShellOk(copy, text);
      return;
    case "diff":
      applyDiff(text, copy, place);
      return;
    default: {
      const [, path] = /^\/\/ (\S+)\n/.exec(text) ?? [];
      if (!path) throw new Error(`${place}: the first line must be a comment with the file's path`);
      mkdirSync(dirname(join(copy, path)), { recursive: true });
      writeFileSync(join(copy, path), text, { flag: "wx" });
    }
  }
}

/** Replaces the lines of each hunk, which are found by themselves: they have no line numbers. */
function applyDiff(diff: string, copy: string, place: string): void {
  const [, pattern = "", body = ""] = /^--- (\S+)\n(.*)$/s.exec(diff) ?? [];
  const [path, ...others] = globSync(pattern, { cwd: copy });
  if (path === undefined || others.length > 0) throw new Error(`${place}: which file is it?`);
  let text = readFileSync(join(copy, path), "utf8");
  for (const hunk of body.split("@@\n")) {
    const lines = hunk.trimEnd().split("\n");
    const side = (left: string) =>
      lines
        .filter((line) => !line.startsWith(left))
        .map((line) => `${line.slice(1)}\n`)
        .join("");
    const [before, ...after] = text.split(side("+"));
    if (before === undefined || after.length !== 1) {
      throw new Error(`${place}: ${path} must have these lines once, and has not:\n${side("+")}`);
    }
    text = before + side("-") + after[0];
  }
  writeFileSync(join(copy, path), text);
}

/** Calls methods of the new service through `buf curl`, which learns it by reflection. */
function reviewService(address: string) {
  return async (method: string, request: object): Promise<Record<string, unknown>> => {
    const url = `http://${address}/reviews.v1.ReviewService/${method}`;
    const options = ["curl", "--protocol", "grpc", "--http2-prior-knowledge"];
    const args = [...options, "--data", JSON.stringify(request), url];
    const { stdout, stderr } = await run(join(PACKAGE_PROGRAMS, "buf"), args).catch(
      (failed: { stdout: string; stderr: string }) => failed,
    );
    return JSON.parse(stdout || stderr);
  };
}

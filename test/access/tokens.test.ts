// Tokens: which are taken, what becomes of those that are not, and the command that makes them.

import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Metadata, status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { TrackService } from "../../gen/chinook/v1/track_pb.ts";
import {
  DatabaseService,
  type DatabaseStatus,
} from "../../gen/protostore/v1/database_service_pb.ts";
import { readTokens } from "../../src/access/token-file.ts";
import { callUnary, rejection, statusOf } from "../grpc/support.ts";
import { runCli } from "../service/cli.ts";
import { startTestService } from "../support/service.ts";
import { tempDir } from "../support/temp.ts";
import { openClient, refusalOf, tokenFile, writeTokens } from "./support.ts";

const { listTracks } = TrackService.method;

/** Nothing of the server's own looks at the database while the test counts. */
const QUIET = { probeIntervalMs: 3_600_000, scrubRowsPerSecond: 0, glanceIntervalMs: 3_600_000 };

function wrongOnes(right: string): readonly string[] {
  const [prefix, id, secret = ""] = right.split("_");
  const other = randomBytes(32).toString("base64url");
  const changed = [0, 1, 20, 41].map((at) => {
    const letter = secret[at] === "A" ? "B" : "A";
    return `${prefix}_${id}_${secret.slice(0, at)}${letter}${secret.slice(at + 1)}`;
  });
  const tokens = [
    ...changed,
    `${prefix}_${id}_${other}`,
    `${prefix}_000000000000_${secret}`,
    `${prefix}_${id}_`,
    `${prefix}_${id}`,
    `${prefix}__${secret}`,
    `_${id}_${secret}`,
    `${right}A`,
    `${right}=`,
    ` ${right} x`,
    right.slice(0, -1),
    right.slice(1),
    right.toUpperCase(),
    [...right].reverse().join(""),
    `${right}${right}`,
    `${right},${right}`,
    `"${right}"`,
    "x",
    "*",
    "null",
    "undefined",
    "' OR 1=1 --",
    "../../../etc/passwd",
    "a".repeat(8_000),
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4Iiwicm9sZSI6ImFkbWluIn0.",
    "e30.e30.e30",
    "__proto__",
    "constructor",
  ].map((token) => `Bearer ${token}`);
  return [
    ...tokens,
    "",
    "Bearer",
    "Bearer ",
    right,
    `Basic ${Buffer.from(`admin:${right}`).toString("base64")}`,
    `Token ${right}`,
    `Bearer: ${right}`,
    `Bearer ${right} ${right}`,
    `NotBearer ${right}`,
  ];
}

test("of forty wrong tokens none is taken, none costs a statement, and no answer says more than that", async () => {
  const { file, texts } = tokenFile({
    right: { role: "admin" },
    expired: { role: "admin", expireTime: new Date(Date.now() - 1).toISOString() },
  });
  const access = { access: { tokens: file } };
  const { address } = await startTestService({ access, limits: QUIET });
  const client = openClient(address);
  const admin = new Metadata();
  admin.set("authorization", `bearer ${texts.right}`);
  const statements = async () => {
    const { response } = await callUnary(
      client,
      DatabaseService.method.getDatabaseStatus,
      {},
      20_000,
      admin,
    );
    return (response as DatabaseStatus).server?.mainThreadStatement?.count ?? 0n;
  };
  await statements();
  const before = await statements();
  const ofOneStatus = (await statements()) - before;

  const wrong = [undefined, ...wrongOnes(texts.right), `Bearer ${texts.expired}`];
  expect(wrong.length).toBeGreaterThanOrEqual(40);
  const messages = new Set<string>();
  const counted = await statements();
  for (const authorization of wrong) {
    const refusal = await refusalOf(client, listTracks, authorization);
    expect(refusal?.code, authorization).toBe(status.UNAUTHENTICATED);
    expect(statusOf(refusal as NonNullable<typeof refusal>).errorInfo).toMatchObject({
      reason: "UNAUTHENTICATED",
      metadata: {},
    });
    messages.add(refusal?.details ?? "");
  }
  expect((await statements()) - counted).toBe(ofOneStatus);
  // One message for tokens that are not known, whatever is wrong with them.
  expect([...messages].sort()).toEqual([
    "the call has no credentials",
    "the credentials are not of a kind that this server takes",
    "the token has expired",
    "the token is not known here",
  ]);
  expect(await refusalOf(client, listTracks, `Bearer ${texts.right}`)).toBeUndefined();
});

test("a token that is revoked, or made, while the server runs is so within some seconds", async () => {
  const { file, texts } = tokenFile({ first: {} });
  const client = openClient(
    (await startTestService({ access: { access: { tokens: file } } })).address,
  );
  const isTaken = async (token: string) =>
    !(await refusalOf(client, listTracks, `Bearer ${token}`));
  expect(await isTaken(texts.first)).toBe(true);

  const made = await runCli("token", "create", "--tokens", file, "--name", "n", "--role", "reader");
  const second = made.stdout.trim();
  await expect.poll(() => isTaken(second), { timeout: 20_000 }).toBe(true);

  const list = await runCli("token", "list", "--tokens", file);
  const [firstId = ""] = list.stdout.split(/\s/);
  expect(await runCli("token", "revoke", firstId, "--tokens", file)).toMatchObject({ code: 0 });
  await expect.poll(() => isTaken(texts.first), { timeout: 20_000 }).toBe(false);
  expect(await isTaken(second)).toBe(true);

  // A file that cannot be used leaves things as they were.
  writeFileSync(file, "{");
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect(await isTaken(second)).toBe(true);
});

test("the command shows a token once, keeps its hash, and refuses what it does not understand", async () => {
  const file = join(tempDir(), "tokens.json");
  const create = (...more: readonly string[]) =>
    runCli("token", "create", "--tokens", file, "--name", "reports", ...more);
  const { code, stdout, stderr } = await create(
    "--role",
    "writer",
    "--expires",
    "90d",
    "--method",
    "a.B/C",
    "a.B/D",
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^pst_[0-9a-f]{12}_[\w-]{43}\n$/);
  const secret = stdout.trim().split("_").slice(2).join("_");
  const text = readFileSync(file, "utf8");
  expect(text).not.toContain(secret);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const list = (await runCli("token", "list", "--tokens", file)).stdout;
  expect(list).toMatch(
    /^[0-9a-f]{12} {2}writer {2}until \S+ {2}reports {2}methods a\.B\/C a\.B\/D\n$/,
  );

  for (const wrong of [["--role", "root"], ["--role", "reader", "--expires", "soon"], []]) {
    expect(await create(...wrong)).toMatchObject({ code: 1, stdout: "" });
  }
  const revoked = await runCli("token", "revoke", "000000000000", "--tokens", file);
  expect(revoked).toMatchObject({ code: 1, stderr: expect.stringContaining("there is no token") });
  expect(readFileSync(file, "utf8")).toBe(text);
});

const GOOD = {
  id: "0123456789ab",
  name: "n",
  role: "reader",
  sha256: "0".repeat(64),
  createTime: "2026-01-01T00:00:00Z",
};

/** Files of tokens, and what a server that is given one says of it. */
const UNUSABLE: Readonly<Record<string, readonly [unknown, RegExp]>> = {
  "no list": [undefined, /no list `tokens`/],
  "a role that is none": [[{ ...GOOD, role: "root" }], /tokens\[0\]\.role/],
  "a hash that is none": [[GOOD, { ...GOOD, sha256: "00" }], /tokens\[1\]\.sha256/],
  "a time that is none": [[{ ...GOOD, expireTime: "soon" }], /tokens\[0\]\.expireTime/],
  "methods that are no list": [[{ ...GOOD, methods: "a.B/C" }], /tokens\[0\]\.methods/],
  "a limit that is misspelt": [
    [{ ...GOOD, method: ["a.B/C"] }],
    /tokens\[0\]\.method is not known/,
  ],
  "an id twice": [[GOOD, GOOD], /the same id/],
  "no object": [[null], /tokens\[0\]\.id/],
};

test.each(Object.entries(UNUSABLE))(
  "a file of tokens is refused that has %s",
  (_, [tokens, reason]) => {
    const file = join(tempDir(), "tokens.json");
    writeTokens(file, tokens);
    const refusal = { code: "INVALID_CONFIG", message: expect.stringMatching(reason) };
    expect(() => readTokens(file)).toThrow(expect.objectContaining(refusal));
  },
);

test("a server does not start with a file of tokens that others may write, or that is not there", async () => {
  const { file } = tokenFile({ one: {} });
  chmodSync(file, 0o620);
  const open = await rejection(startTestService({ access: { access: { tokens: file } } }));
  expect(open).toMatchObject({
    code: "INVALID_CONFIG",
    message: expect.stringMatching(/others may write/),
  });
  const absent = await rejection(
    startTestService({ access: { access: { tokens: `${file}.no` } } }),
  );
  expect(absent).toMatchObject({
    code: "INVALID_CONFIG",
    message: expect.stringMatching(/cannot be read/),
  });
});

test("credentials of no use are found before a database is made", async () => {
  const folder = tempDir();
  const tokens = join(folder, "tokens.json");
  writeFileSync(tokens, "{}", { mode: 0o600 });
  const database = join(folder, "new.db");
  const args = ["--database", database, "--address", "127.0.0.1:0", "--tokens", tokens];
  for (const processes of ["1", "2"]) {
    const { code, stderr } = await runCli("serve", ...args, "--processes", processes);
    expect([code, stderr]).toEqual([1, expect.stringContaining(tokens)]);
    expect(existsSync(database)).toBe(false);
  }
});

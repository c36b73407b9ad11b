// Random calls of servers of both drivers, whose clocks stand still: they are answered alike byte for byte,
// with the same errors and revisions, and in the end all rows are the same.

import { inspect, isDeepStrictEqual } from "node:util";
import { create, type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { type Client, status as Code, type Metadata, type ServiceError } from "@grpc/grpc-js";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { ImportRequestSchema, StoreService } from "../../gen/protostore/v1/store_service_pb.ts";
import { CHINOOK } from "../../src/chinook/program.ts";
import { methodPath } from "../../src/grpc/answer.ts";
import { STATUS_DETAILS_KEY } from "../../src/grpc/error-status.ts";
import { makePostgresDatabase } from "../contract/postgres-store.ts";
import { makeSqliteFile } from "../contract/sqlite-store.ts";
import { PLANS } from "../contract/support.ts";
import { callStream, collect, connect } from "../grpc/support.ts";
import { type OtherProgram, openOther } from "../support/driver.ts";
import { startTestService } from "../support/service.ts";
import { STILL, STILL_RESOURCES } from "../support/still-clock.ts";
import { findingsOf } from "../support/verified.ts";
import {
  type Command,
  firstCommands,
  type Known,
  makeCommand,
  resourcesIn,
} from "./random-calls.ts";

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);
/** How many lists of commands, and how many commands in each. */
const RUNS = Number(process.env.RUNS ?? 3);
const COMMANDS = 100;
const PAGES_MAX = 4;

/** All tables with what is seen of them, those first whose rows refer to others. */
const TABLES = [
  { table: "playlist_track", columns: ["PlaylistId", "TrackId"] },
  ...[
    "Invoice",
    "Customer",
    "Employee",
    "Track",
    "Album",
    "Artist",
    "Genre",
    "MediaType",
    "Playlist",
  ]
    .flatMap((name) => PLANS.filter(({ desc }) => desc.name === name))
    .flatMap((plan) => [
      ...plan.children.map(({ table, key, parentKey, columns }) => ({
        table,
        columns: [key, parentKey, ...columns.map((column) => column.name), "data"],
      })),
      {
        table: plan.table,
        columns: [
          plan.key,
          ...plan.columns.map((column) => column.name),
          // SQLite leaves the checksum of bytes that are gone.
          "CASE WHEN wire IS NOT NULL THEN checksum END",
          ...["data", "wire", "revision", "created_at", "updated_at"],
        ],
      },
    ]),
];

/** A server, and another program on its database. */
interface Side {
  readonly client: Client;
  readonly other: OtherProgram;
  readonly database: string;
  /** The statement as the server itself would run it, for which no revision is given. */
  readonly asServer: (sql: string) => string;
}

async function openSide(database: string, asServer: Side["asServer"]): Promise<Side> {
  const definition = { ...CHINOOK, ...STILL_RESOURCES };
  const { address } = await startTestService({ database, definition });
  return { client: connect(address), other: await openOther(database), database, asServer };
}

const openSqliteSide = async () =>
  openSide(
    await makeSqliteFile(onTestFinished),
    (sql) =>
      `BEGIN IMMEDIATE; UPDATE store_state SET writing = 1; ${sql}; UPDATE store_state SET writing = 0; COMMIT`,
  );

const openPostgresSide = async () =>
  openSide(
    (await makePostgresDatabase(onTestFinished)).url,
    (sql) => `BEGIN; SET LOCAL protostore.writing = '1'; ${sql}; COMMIT`,
  );

/** Takes away all that was written. */
function empty({ other, asServer }: Side): Promise<void> {
  const all = TABLES.map(({ table }) => `DELETE FROM ${table}`);
  const state = ["DELETE FROM id_high_water", "DELETE FROM completed_requests"];
  const revision = "UPDATE store_state SET revision = 0";
  const first = "UPDATE employees SET ReportsTo = NULL";
  return other.exec(asServer([first, ...all, ...state, revision].join("; ")));
}

async function outcomeOf(side: Side, command: Command): Promise<unknown> {
  switch (command.kind) {
    case "sql":
      return runSql(side, command.sql);
    case "import":
      return importAll(side.client, command.requests);
    case "call":
      if (command.method.methodKind === "server_streaming") return exportAll(side.client, command);
      return pagesOf(side.client, command);
  }
}

/** As another program, whose clock does not stand still. */
async function runSql({ other, asServer }: Side, sql: string): Promise<unknown> {
  const failed = await other.exec(sql).then(
    () => false,
    () => true,
  );
  const times = PLANS.flatMap(({ table }) =>
    ["created_at", "updated_at"].map(
      (column) => `UPDATE ${table} SET ${column} = '${STILL}' WHERE ${column} <> '${STILL}'`,
    ),
  );
  await other.exec(asServer(times.join("; ")));
  return failed;
}

type Call = Command & { readonly kind: "call" };

/** The answer, and those of the next pages: each server has tokens of its own. */
async function pagesOf(client: Client, { method, request }: Call): Promise<unknown[]> {
  const pages: unknown[] = [];
  for (let next = request; ; ) {
    const { bytes, ...told } = await send(client, methodPath(method), toBinary(method.input, next));
    const page = bytes && withoutToken(method.output, bytes);
    pages.push({ ...told, bytes: page?.bytes.toString("hex") });
    if (!page?.token || pages.length === PAGES_MAX) return pages;
    next = create(method.input, { ...request, pageToken: page.token } as Record<string, unknown>);
  }
}

function withoutToken(desc: DescMessage, bytes: Buffer): { bytes: Buffer; token: string } {
  const message = fromBinary(desc, bytes) as Message & { nextPageToken?: string };
  const token = message.nextPageToken ?? "";
  if (token === "") return { bytes, token };
  return {
    bytes: Buffer.from(toBinary(desc, { ...message, nextPageToken: "next" } as Message)),
    token,
  };
}

async function exportAll(client: Client, { method, request }: Call): Promise<unknown> {
  const { messages, error } = await collect<Message>(
    callStream(client, method, toBinary(method.input, request)),
  );
  const pages = messages.map((message) => {
    const { bytes, token } = withoutToken(
      method.output,
      Buffer.from(toBinary(method.output, message)),
    );
    return [bytes.toString("hex"), token === ""];
  });
  return { pages, ...(error && failureOf(error)) };
}

function importAll(client: Client, requests: (Command & { kind: "import" })["requests"]) {
  return new Promise((resolve) => {
    const stream = client.makeClientStreamRequest<Buffer, Buffer>(
      methodPath(StoreService.method.import),
      (bytes) => bytes,
      (bytes) => bytes,
      (error, bytes) => resolve({ bytes: bytes?.toString("hex"), ...(error && failureOf(error)) }),
    );
    stream.on("error", () => {});
    for (const resources of requests) {
      const request = create(ImportRequestSchema, { resources: [...resources] });
      stream.write(Buffer.from(toBinary(ImportRequestSchema, request)));
    }
    stream.end();
  });
}

interface Answer {
  readonly revision: string;
  readonly bytes: Buffer | undefined;
}

function send(client: Client, path: string, request: Uint8Array): Promise<Answer> {
  return new Promise((resolve) => {
    let revision = "";
    client
      .makeUnaryRequest(
        path,
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        Buffer.from(request),
        (error, bytes) => resolve({ revision, bytes, ...(error && failureOf(error)) }),
      )
      .on("metadata", (metadata: Metadata) => {
        revision = String(metadata.get("protostore-revision")[0] ?? "");
      });
  });
}

/** All that clients are told of an error. */
function failureOf({ code, details, metadata }: ServiceError) {
  const [status] = metadata.get(STATUS_DETAILS_KEY);
  return { error: { code, details, status: Buffer.from(status ?? "").toString("hex") } };
}

/** Every row of every table; a number is the same however its column keeps it. */
async function contentOf({ other }: Side): Promise<unknown> {
  const content: Record<string, unknown> = {};
  for (const { table, columns } of TABLES) {
    const rows = await other.rows(`SELECT ${columns.join(", ")} FROM ${table} ORDER BY 1, 2`);
    content[table] = rows.map((row) =>
      row.map((value) => {
        if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
        return typeof value === "number" && Number.isInteger(value) ? BigInt(value) : value;
      }),
    );
  }
  content.revision = await other.value("SELECT revision FROM store_state");
  return content;
}

/** What a command is, for who reads of a difference. */
function describe(command: Command): string {
  if (command.kind !== "call") return inspect(command, { depth: 5 });
  return `${command.method.name} ${inspect(command.request, { depth: 5, maxStringLength: 100 })}`;
}

function learn(known: Map<string, string[]>, command: Command, outcome: unknown): void {
  if (command.kind !== "call" || command.method.methodKind !== "unary") return;
  for (const { bytes } of outcome as readonly { readonly bytes?: string }[]) {
    if (bytes === undefined) continue;
    const answer = fromBinary(command.method.output, Buffer.from(bytes, "hex"));
    for (const [name, etag] of resourcesIn(answer, command.method.output)) {
      if (etag !== "") known.set(name, [...(known.get(name) ?? []), etag]);
    }
  }
}

const titled = `both drivers answer ${RUNS} times ${COMMANDS} random calls alike (SEED=${SEED})`;

test(titled, { timeout: 7_200_000 }, async () => {
  const sides = [await openSqliteSide(), await openPostgresSide()] as const;
  const codes = new Map<number, number>();
  const answers = new Map<string, [answered: number, failed: number]>();
  const list = fc.array(fc.noShrink(fc.integer()), { minLength: COMMANDS, maxLength: COMMANDS });
  const property = fc.asyncProperty(list, async (seeds) => {
    await Promise.all(sides.map(empty));
    const known = new Map<string, string[]>();
    const run = async (command: Command) => {
      const [expected, found] = await Promise.all(sides.map((side) => outcomeOf(side, command)));
      if (!isDeepStrictEqual(found, expected)) expect(found, describe(command)).toEqual(expected);
      learn(known, command, expected);
      return expected;
    };
    for (const command of firstCommands(seeds[0] as number)) await run(command);
    for (const seed of seeds) {
      const command = makeCommand(seed, known as Known);
      const outcome = await run(command);
      const { error } = ([outcome].flat()[0] ?? {}) as {
        readonly error?: { readonly code: number };
      };
      const name = command.kind === "call" ? command.method.name : command.kind;
      const count = answers.get(name) ?? [0, 0];
      count[error ? 1 : 0] += 1;
      answers.set(name, count);
      if (error) codes.set(error.code, (codes.get(error.code) ?? 0) + 1);
    }
    const [expected, found] = await Promise.all(sides.map(contentOf));
    expect(found).toEqual(expected);
  });
  await fc.assert(property, { numRuns: RUNS, seed: SEED, endOnFailure: true });
  const [expected, found] = await Promise.all(sides.map(({ database }) => findingsOf(database)));
  expect(found).toEqual(expected);
  const counts = [...answers.values()];
  const count = (of: readonly number[]) => of.reduce((sum, each) => sum + each, 0);
  const [answered, failed] = [count(counts.map(([n]) => n)), count(counts.map(([, n]) => n))];
  if (process.env.RUNS) console.info({ answered, failed }, answers, codes);
  // If little went well, or nothing went wrong, being equal would say little.
  expect(answered).toBeGreaterThan((answered + failed) / 3);
  for (const code of [Code.INVALID_ARGUMENT, Code.NOT_FOUND]) expect(codes.has(code)).toBe(true);
});

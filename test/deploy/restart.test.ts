// A server is restarted, and its connections grow old, under load: no call fails, and no write is carried
// out twice, for clients that do what docs/operations.md says.

import { randomUUID } from "node:crypto";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type ChannelOptions, Client, credentials, Metadata } from "@grpc/grpc-js";
import { expect, onTestFinished, test } from "vitest";
import {
  ArtistSchema,
  CreateArtistRequestSchema,
  GetArtistRequestSchema,
} from "../../gen/chinook/v1/artist_pb.ts";
import { startServerProcess } from "../service/cli.ts";
import { openSql } from "../service/support.ts";
import { readCodeBlocks } from "../support/recipe-blocks.ts";
import { tempDir } from "../support/temp.ts";
import { freePorts } from "./support.ts";

const SERVICE = "/chinook.v1.ArtistService";
const RESTARTS = 3;
const CALLS_BETWEEN = 100;
const CLIENTS = 8;
const TIMEOUT_MS = 60_000;

/** What the document has clients say of themselves. */
function documentedConfig(): string {
  const blocks = readCodeBlocks("docs/operations.md", "A restart that no call notices");
  const [config] = blocks.filter(({ language }) => language === "json");
  return config?.text ?? "";
}

/** Clients that call, each one call after the other, until they are told to stop. */
function startLoad(address: string, options: ChannelOptions = {}, waitForReady = false) {
  const failures: string[] = [];
  const created: string[] = [];
  let calls = 0;
  let isOver = false;
  const channels = Array.from({ length: CLIENTS }, () => {
    return new Client(address, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
      ...options,
    });
  });
  const call = (channel: Client, method: string, request: Uint8Array) =>
    new Promise<Uint8Array | undefined>((resolve) => {
      channel.makeUnaryRequest(
        `${SERVICE}/${method}`,
        (bytes: Uint8Array) => Buffer.from(bytes),
        (bytes: Buffer) => bytes,
        request,
        new Metadata({ waitForReady }),
        { deadline: Date.now() + TIMEOUT_MS },
        (error, answer) => {
          calls += 1;
          if (error) failures.push(`${method}: ${error.message}`);
          resolve(answer);
        },
      );
    });
  const createOnce = async (channel: Client) => {
    const request = { artist: { displayName: "x" }, requestId: randomUUID() } as const;
    const init: MessageInitShape<typeof CreateArtistRequestSchema> = request;
    const bytes = toBinary(CreateArtistRequestSchema, create(CreateArtistRequestSchema, init));
    const answer = await call(channel, "CreateArtist", bytes);
    if (answer) created.push(fromBinary(ArtistSchema, answer).name);
  };
  const read = create(GetArtistRequestSchema, { name: "artists/1" });
  const readOnce = (channel: Client) =>
    call(channel, "GetArtist", toBinary(GetArtistRequestSchema, read));
  const loops = channels.flatMap((channel) =>
    [createOnce, readOnce].map(async (once) => {
      while (!isOver) await once(channel);
    }),
  );
  const stop = async () => {
    isOver = true;
    await Promise.all(loops);
    for (const channel of channels) channel.close();
  };
  onTestFinished(stop);
  return {
    failures,
    created,
    calls: () => calls,
    /** Resolves when so many calls more have ended. */
    async until(more: number): Promise<void> {
      const goal = calls + more;
      await expect.poll(() => calls, { interval: 5, timeout: TIMEOUT_MS }).toBeGreaterThan(goal);
    },
    stop,
  };
}

const count = "SELECT count(*) FROM artists WHERE Name = 'x'";

test.each(["1", "2"])("a server of %s process(es) is restarted", async (processes) => {
  const database = `${tempDir()}/store.db`;
  const [port] = await freePorts(1);
  const address = `127.0.0.1:${port}`;
  const args = ["--fixtures", "--database", database, "--processes", processes];
  const start = () => startServerProcess(...args, "--address", address);
  let server = await start();
  const options = { "grpc.service_config": documentedConfig() };
  const load = startLoad(address, options, true);
  for (let restart = 0; restart < RESTARTS; restart++) {
    await load.until(CALLS_BETWEEN);
    expect((await server.end("SIGTERM")).code).toBe(0);
    server = await start();
  }
  await load.until(CALLS_BETWEEN);
  await load.stop();
  expect(load.failures).toEqual([]);
  await server.end("SIGTERM");
  const sql = openSql(database);
  expect(Number(sql.prepare(count).pluck().get())).toBe(load.created.length);
  expect(new Set(load.created).size).toBe(load.created.length);
});

test("connections grow old", async () => {
  const server = await startServerProcess(
    ...["--fixtures", "--database", `${tempDir()}/store.db`],
    ...["--limit", "connectionAgeMs=100", "--log-calls", "all", "--log-calls-sample", "1"],
  );
  const load = startLoad(server.address, { "grpc.service_config": documentedConfig() }, true);
  const peers = () =>
    new Set([...server.output().stderr.matchAll(/"peer":"([^"]+)"/g)].map(([, peer]) => peer));
  await expect.poll(() => peers().size, { timeout: TIMEOUT_MS }).toBeGreaterThan(5 * CLIENTS);
  await load.stop();
  expect(load.failures).toEqual([]);
  expect(load.created.length).toBeGreaterThan(0);
});

// Writers that send each write, under one request id, until it is acknowledged, a reader that follows the
// revisions, and what must then be true: all of it is there, once, in one order.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, status as Code, type ServiceError } from "@grpc/grpc-js";
import { expect, onTestFinished } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import type { Database } from "../../src/database/database.ts";
import { StoreError } from "../../src/errors.ts";
import { call, openChannel } from "../durability/rpc.ts";
import { readCodeBlocks } from "../support/recipe-blocks.ts";

const WRITERS = 32;
const CHANNELS = 8;
/** Every so many writes of a writer one is a batch. */
const BATCH_EACH = 4;
/** Shorter than the pause of a server that is started: a call may be lost without a word. */
const TIMEOUT_MS = 10_000;

/** What is sent again: it may have happened, or not. */
const UNKNOWN: ReadonlySet<number> = new Set([
  Code.UNAVAILABLE,
  Code.CANCELLED,
  Code.DEADLINE_EXCEEDED,
]);

/** A load that goes on. */
export interface Load {
  readonly acknowledged: number;
  /** The calls that failed for the client though its library had sent them again. */
  readonly sentAgain: number;
  /** The longest that nothing was acknowledged, in milliseconds. */
  readonly longestGapMs: number;
  /** Resolves when so many writes more are acknowledged. */
  until(more: number): Promise<void>;
  /** Ends the writers, and holds what must be true of `database`. */
  judge(): Promise<void>;
}

/** The retries that docs/operations.md has clients do. */
function documentedConfig(): string {
  const blocks = readCodeBlocks("docs/operations.md", "A restart that no call notices");
  return blocks.find(({ language }) => language === "json")?.text ?? "";
}

/** Starts writers at an address; `database` is where the reader looks. */
export function startLoad(address: string, database: Database): Load {
  const options = {
    "grpc.service_config": documentedConfig(),
    "grpc.max_reconnect_backoff_ms": 500,
  };
  const channels = Array.from({ length: CHANNELS }, () => openChannel(address, options));
  /** The revision of each artist, by its name, that was acknowledged. */
  const acknowledged = new Map<string, bigint>();
  const state = { writes: 0, sentAgain: 0, longestGapMs: 0 };
  let lastMs = performance.now();
  let isOver = false;
  let isGivenUp = false;

  async function untilKnown<T>(attempt: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (isGivenUp || !UNKNOWN.has((error as ServiceError).code)) throw error;
        state.sentAgain += 1;
        await sleep(20);
      }
    }
  }

  async function write(channel: Client, names: readonly string[]): Promise<bigint> {
    const { createArtist, batchCreateArtists } = ArtistService.method;
    const requestId = randomUUID();
    const artists = names.map((displayName) => ({ artist: { displayName } }));
    const { revision } = await untilKnown<{ readonly revision: bigint }>(() =>
      artists.length === 1
        ? call(channel, createArtist, { ...artists[0], requestId }, { timeoutMs: TIMEOUT_MS })
        : call(
            channel,
            batchCreateArtists,
            { requests: artists, requestId },
            { timeoutMs: TIMEOUT_MS },
          ),
    );
    return revision;
  }

  async function runWriter(writer: number): Promise<void> {
    const channel = channels[writer % CHANNELS] as Client;
    let newest = 0n;
    for (let number = 0; !isOver; number++) {
      const name = `${writer}.${number}`;
      const names = number % BATCH_EACH === 0 ? [`${name}a`, `${name}b`] : [name];
      const revision = await write(channel, names);
      expect(revision).toBeGreaterThan(newest);
      newest = revision;
      for (const each of names) acknowledged.set(each, revision);
      state.writes += 1;
      state.longestGapMs = Math.max(state.longestGapMs, performance.now() - lastMs);
      lastMs = performance.now();
    }
  }

  /** Each artist that the reader has met, and its revision, in that order. */
  const followed: [string, bigint][] = [];
  const AFTER =
    "SELECT Name, revision FROM artists WHERE revision > ? AND Name LIKE '%.%' ORDER BY revision";

  async function follow(): Promise<void> {
    const last = followed.at(-1)?.[1] ?? 0n;
    const { rows } = await database.read([{ sql: AFTER, parameters: [last] }]);
    for (const [name, revision] of rows[0] ?? []) {
      followed.push([name as string, revision as bigint]);
    }
  }

  async function keepFollowing(): Promise<void> {
    while (!isOver) {
      await follow().catch((error: unknown) => {
        if (!(error instanceof StoreError)) throw error;
      });
      await sleep(20);
    }
  }

  const running = Promise.all([
    keepFollowing(),
    ...Array.from({ length: WRITERS }, (_, writer) => runWriter(writer)),
  ]);
  // Whoever waits is told.
  running.catch(() => {});
  onTestFinished(async () => {
    isOver = true;
    isGivenUp = true;
    await running.catch(() => {});
    for (const channel of channels) channel.close();
  });

  return {
    get acknowledged() {
      return state.writes;
    },
    get sentAgain() {
      return state.sentAgain;
    },
    get longestGapMs() {
      return state.longestGapMs;
    },
    async until(more) {
      const goal = state.writes + more;
      const reached = async () => {
        while (state.writes < goal) await sleep(10);
      };
      await Promise.race([reached(), running]);
    },
    async judge() {
      isOver = true;
      await running;
      await follow();
      const all =
        "SELECT Name, revision FROM artists WHERE Name LIKE '%.%' ORDER BY revision, Name";
      const { rows } = await database.read([{ sql: all, parameters: [] }]);
      const byRevision = ([a, of]: [string, bigint], [b, than]: [string, bigint]) =>
        of === than ? (a < b ? -1 : 1) : of < than ? -1 : 1;
      const wanted = [...acknowledged].sort(byRevision);
      expect(rows[0]).toEqual(wanted);
      expect(new Set(acknowledged.values()).size).toBe(state.writes);
      // It met each once, and in this order.
      expect(followed.toSorted(byRevision)).toEqual(wanted);
      const order = followed.map(([, revision]) => revision);
      expect(order).toEqual(order.toSorted((a, b) => Number(a - b)));
    },
  };
}

// Sequences of frames at random, good ones and broken ones, each sent to a server of ours and to one of Node's
// (nghttp2): what both make of it is compared. Ours may be stricter, and never laxer.

import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { Flag, FrameType } from "../../src/http2/protocol.ts";
import { createRandom, type Random } from "../durability/random.ts";
import { startEchoServer } from "./echo-server.ts";
import {
  connectRaw,
  frame,
  GREETING,
  type RawClient,
  requestBlock,
  settings,
  uint32,
} from "./raw-client.ts";

/** Both servers. */
export interface FuzzServers {
  readonly ours: number;
  readonly theirs: number;
  /** What ours has failed with. */
  readonly failures: readonly unknown[];
  close(): void;
}

/** Servers that answer each whole request with 200. */
export async function startFuzzServers(): Promise<FuzzServers> {
  const ours = await startEchoServer();
  const theirs = createServer({ settings: { maxConcurrentStreams: 100 } });
  theirs.on("sessionError", () => {});
  theirs.on("stream", (stream) => {
    stream.on("error", () => {});
    stream.resume();
    stream.on("end", () => {
      if (stream.destroyed || stream.closed) return;
      stream.respond({ ":status": 200 });
      stream.end("ok");
    });
  });
  await new Promise<void>((resolve) => theirs.listen(0, "127.0.0.1", () => resolve()));
  return {
    ours: ours.port,
    theirs: (theirs.address() as AddressInfo).port,
    failures: ours.failures,
    close() {
      ours.close();
      theirs.close();
    },
  };
}

/** A sequence, and what it asks for as long as nothing in it is broken. */
interface Sequence {
  readonly frames: readonly Buffer[];
  readonly names: readonly string[];
  /** The requests that are whole. */
  readonly whole: ReadonlySet<number>;
  readonly isBroken: boolean;
}

/** What a server made of it. */
interface Outcome {
  /** The streams that were answered to their end. */
  readonly answered: readonly number[];
  readonly reset: readonly number[];
  /** Undefined if the connection went on. */
  readonly errorCode: number | undefined;
  readonly isClosed: boolean;
}

const LENGTH_MAX = 20;
const MARK = Buffer.from("the end.");
/** How long an answer is waited for that does not come; Node's come a few turns of the event loop late. */
const PATIENCE_MS = 300;

/**
 * Sends the sequence of the seed to both; throws if ours answers what theirs does not, or does not answer what it
 * should.
 */
export async function compareOnce(servers: FuzzServers, seed: number): Promise<void> {
  const random = createRandom(seed);
  const sequence = makeSequence(random);
  const bytes = Buffer.concat(sequence.frames);
  const cuts = Array.from({ length: random.below(4) }, () => random.below(bytes.length));
  const [ours, theirs] = await Promise.all(
    [servers.ours, servers.theirs].map((port) => run(port, sequence, bytes, cuts)),
  );
  const fault = judge(sequence, ours as Outcome, theirs as Outcome);
  if (fault === undefined && servers.failures.length === 0) return;
  const told = { fault, seed, ours, theirs, failures: servers.failures, frames: sequence.names };
  throw new Error(JSON.stringify(told, undefined, 1));
}

function judge({ isBroken, whole }: Sequence, ours: Outcome, theirs: Outcome): string | undefined {
  const isOursOver = ours.errorCode !== undefined || ours.isClosed;
  const isTheirsOver = theirs.errorCode !== undefined || theirs.isClosed;
  if (!isBroken) {
    if (isOursOver || ours.reset.length > 0) return "a good sequence was refused";
    const missing = [...whole].filter((id) => !ours.answered.includes(id));
    if (missing.length > 0) return `${missing} were not answered`;
  }
  if (isTheirsOver && !isOursOver) return "ours goes on where theirs has ended";
  // Who ends the connection may have answered more or fewer before.
  if (isOursOver || isTheirsOver) return undefined;
  const more = ours.answered.filter((id) => !theirs.answered.includes(id));
  return more.length > 0 ? `ours has answered ${more} too` : undefined;
}

async function run(
  port: number,
  { whole }: Sequence,
  bytes: Buffer,
  cuts: readonly number[],
): Promise<Outcome> {
  const client = await connectRaw(port, GREETING);
  let from = 0;
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    client.send(bytes.subarray(from, cut));
    from = cut;
    await new Promise(setImmediate);
  }
  client.send(bytes.subarray(from), frame(FrameType.PING, 0, 0, MARK));
  await client.until(({ type, payload }) => type === FrameType.PING && payload.equals(MARK));
  const untilMs = performance.now() + PATIENCE_MS;
  while (!isSettled(client, whole) && performance.now() < untilMs) await new Promise(setImmediate);
  const outcome = outcomeOf(client);
  client.socket.destroy();
  return outcome;
}

function isSettled(client: RawClient, whole: ReadonlySet<number>): boolean {
  if (client.isClosed || (client.goAwayCode() ?? 0) !== 0) return true;
  const { answered, reset } = outcomeOf(client);
  return [...whole].every((id) => answered.includes(id) || reset.includes(id));
}

function outcomeOf({ frames, isClosed, goAwayCode }: RawClient): Outcome {
  const isEnd = (type: number, flags: number) =>
    (type === FrameType.DATA || type === FrameType.HEADERS) && (flags & Flag.END_STREAM) !== 0;
  return {
    answered: frames.filter(({ type, flags }) => isEnd(type, flags)).map(({ id }) => id),
    // That the rest is not waited for is no error.
    reset: frames
      .filter(({ type, payload }) => type === FrameType.RST_STREAM && payload.readUInt32BE() !== 0)
      .map(({ id }) => id),
    errorCode: goAwayCode() === 0 ? undefined : goAwayCode(),
    isClosed,
  };
}

function makeSequence(random: Random): Sequence {
  const frames: Buffer[] = [];
  const names: string[] = [];
  const whole = new Set<number>();
  const open = new Set<number>();
  let nextId = 1;
  let isBroken = false;
  const add = (name: string, ...parts: Buffer[]) => {
    frames.push(...parts);
    names.push(name);
  };
  const end = (id: number) => {
    open.delete(id);
    whole.add(id);
  };

  const request = () => {
    const id = nextId;
    nextId += 2 + 2 * random.below(2);
    const isEnd = random.chance(0.5);
    add(`request ${id}${isEnd ? ", whole" : ""}`, ...headers(random, id, isEnd));
    if (isEnd) end(id);
    else open.add(id);
  };
  const onOpen = (act: (id: number) => void) => () => {
    if (open.size === 0) request();
    else act(random.pick([...open]));
  };
  const good = [
    request,
    request,
    onOpen((id) => {
      const isEnd = random.chance(0.4);
      add(`data of ${id}${isEnd ? ", the last" : ""}`, data(random, id, isEnd));
      if (isEnd) end(id);
    }),
    onOpen((id) => {
      add(`trailers of ${id}`, frame(FrameType.HEADERS, 5, id, Buffer.from("\0\x01a\x01b")));
      end(id);
    }),
    onOpen((id) => {
      add(`reset of ${id}`, frame(FrameType.RST_STREAM, 0, id, uint32(random.below(16))));
      open.delete(id);
    }),
    () => add("ping", frame(FrameType.PING, 0, 0, randomBytes(random, 8))),
    () =>
      add(
        "unknown",
        frame(
          0x20 + random.below(200),
          random.below(256),
          0,
          randomBytes(random, random.below(20)),
        ),
      ),
    () => add("window", frame(FrameType.WINDOW_UPDATE, 0, 0, uint32(1 + random.below(1_000)))),
    () => add("settings", frame(FrameType.SETTINGS, 0, 0, goodSettings(random))),
    () =>
      add("priority", frame(FrameType.PRIORITY, 0, 201, Buffer.concat([uint32(0), Buffer.of(9)]))),
  ];
  const isGoodOnly = random.chance(0.4);
  for (let left = 1 + random.below(LENGTH_MAX); left > 0; left--) {
    if (isGoodOnly || random.chance(0.9)) random.pick(good)();
    else {
      isBroken = true;
      const [name, bytes] = random.pick(BROKEN)(random, nextId);
      add(name, bytes);
      // Some of them have taken it.
      nextId += 2;
    }
  }
  return { frames, names, whole, isBroken };
}

function headers(random: Random, id: number, isEnd: boolean): Buffer[] {
  const fields = Array.from({ length: random.below(4) }, (_, index): [string, string] => [
    `x-${index}`,
    "v".repeat(random.below(300)),
  ]);
  const block = requestBlock(...fields);
  const last = isEnd ? Flag.END_STREAM : 0;
  switch (random.below(4)) {
    case 0: {
      const padding = random.below(20);
      const payload = Buffer.concat([Buffer.of(padding), block, Buffer.alloc(padding)]);
      return [frame(FrameType.HEADERS, last | Flag.END_HEADERS | Flag.PADDED, id, payload)];
    }
    case 1: {
      const payload = Buffer.concat([uint32(0), Buffer.of(15), block]);
      return [frame(FrameType.HEADERS, last | Flag.END_HEADERS | Flag.PRIORITY, id, payload)];
    }
    case 2: {
      const cut = random.below(block.length);
      return [
        frame(FrameType.HEADERS, last, id, block.subarray(0, cut)),
        frame(FrameType.CONTINUATION, Flag.END_HEADERS, id, block.subarray(cut)),
      ];
    }
    default:
      return [frame(FrameType.HEADERS, last | Flag.END_HEADERS, id, block)];
  }
}

function data(random: Random, id: number, isEnd: boolean): Buffer {
  const content = randomBytes(random, random.below(500));
  const last = isEnd ? Flag.END_STREAM : 0;
  if (random.chance(0.7)) return frame(FrameType.DATA, last, id, content);
  const padding = random.below(50);
  const payload = Buffer.concat([Buffer.of(padding), content, Buffer.alloc(padding)]);
  return frame(FrameType.DATA, last | Flag.PADDED, id, payload);
}

function goodSettings(random: Random): Buffer {
  return settings(
    ...Array.from({ length: random.below(3) }, () =>
      random.pick([
        [1, random.below(10_000)],
        [2, random.below(2)],
        [3, random.below(200)],
        [4, 1_000 + random.below(100_000)],
        [5, 16_384 + random.below(1_000)],
        [6, 1_000 + random.below(10_000)],
        [0x99, 7],
      ] as const),
    ),
  );
}

/** What breaks the protocol, or only looks so. */
const BROKEN: readonly ((random: Random, nextId: number) => [name: string, bytes: Buffer])[] = [
  (random) => {
    // No GOAWAY, and no answer to a PING that there was not: Node is stricter with them than the RFC.
    const type = random.pick([0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11]);
    const any = random.below(256);
    const [flags, id] = [type === FrameType.PING ? any & ~Flag.ACK : any, random.below(30)];
    const payload = randomBytes(random, random.below(30));
    return [
      `any: ${type} ${flags} ${id} ${payload.toString("hex")}`,
      frame(type, flags, id, payload),
    ];
  },
  (random) => ["bytes", randomBytes(random, 1 + random.below(60))],
  (_, id) => ["an even stream", frame(FrameType.HEADERS, 5, id + 1, requestBlock())],
  (_, id) => ["data of an idle stream", frame(FrameType.DATA, 0, id, Buffer.alloc(3))],
  (_, id) => ["a window of an idle stream", frame(FrameType.WINDOW_UPDATE, 0, id, uint32(3))],
  (_, id) => ["a reset of an idle stream", frame(FrameType.RST_STREAM, 0, id, uint32(8))],
  (random) => [
    "a stray continuation",
    frame(FrameType.CONTINUATION, 4, 1 + 2 * random.below(5), requestBlock()),
  ],
  (_, id) => ["too much padding", frame(FrameType.HEADERS, 13, id, Buffer.of(200, 0x82))],
  (_, id) => [
    "a block that cannot be read",
    frame(FrameType.HEADERS, 5, id, Buffer.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff)),
  ],
  (random, id) => [
    "a request without a field",
    frame(
      FrameType.HEADERS,
      5,
      id,
      random.pick([Buffer.of(0x82), Buffer.of(0x82, 0x86), Buffer.of(0x82, 0x84)]),
    ),
  ],
  (_, id) => ["a name in capitals", frame(FrameType.HEADERS, 5, id, requestBlock(["X", "y"]))],
  (_, id) => [
    "a field of connections",
    frame(FrameType.HEADERS, 5, id, requestBlock(["connection", "close"])),
  ],
  (_, id) => [
    "a length that is wrong",
    frame(FrameType.HEADERS, 5, id, requestBlock(["content-length", "5"])),
  ],
  (random) => [
    "settings of a wrong size",
    frame(FrameType.SETTINGS, 0, 0, Buffer.alloc(1 + random.below(5))),
  ],
  () => ["a push that is neither on nor off", frame(FrameType.SETTINGS, 0, 0, settings([2, 2]))],
  () => ["a window that is too large", frame(FrameType.SETTINGS, 0, 0, settings([4, 0x80000000]))],
  () => ["frames that are too small", frame(FrameType.SETTINGS, 0, 0, settings([5, 100]))],
  () => [
    "a window that is widened too much",
    frame(FrameType.WINDOW_UPDATE, 0, 0, uint32(0x7fffffff)),
  ],
  () => ["a window that is widened by nothing", frame(FrameType.WINDOW_UPDATE, 0, 0, uint32(0))],
  () => ["a ping of a wrong size", frame(FrameType.PING, 0, 0, Buffer.alloc(7))],
  () => ["a ping of a stream", frame(FrameType.PING, 0, 1, Buffer.alloc(8))],
  () => ["a push", frame(FrameType.PUSH_PROMISE, 4, 1, Buffer.alloc(8))],
  () => ["a frame that is too large", frame(FrameType.DATA, 0, 1, Buffer.alloc(16_385))],
  () => ["a goaway of a wrong size", frame(FrameType.GOAWAY, 0, 0, Buffer.alloc(3))],
];

function randomBytes(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)));
}

// Clients that ask too much of a connection: each is ended, with ENHANCE_YOUR_CALM where it can still hear that,
// before it has cost much memory; and who is on another connection is answered all the while.

import { once } from "node:events";
import { connect } from "node:http2";
import { expect, onTestFinished, test } from "vitest";
import { ErrorCode, Flag, FrameType } from "../../src/http2/protocol.ts";
import { startEchoServer } from "./echo-server.ts";
import { connectRaw, frame, type RawClient, requestBlock, settings, uint32 } from "./raw-client.ts";

const MEMORY_BYTES_MAX = 64 * 1024 * 1024;
const FLOOD_BYTES_MAX = 256 * 1024 * 1024;
/** As many frames are sent in one write. */
const AT_ONCE = 500;

const REQUEST = requestBlock();
const WHOLE = Flag.END_HEADERS | Flag.END_STREAM;

type Next = (index: number) => Buffer;

const idOf = (index: number) => 2 * index + 1;
const of =
  (bytes: Buffer): Next =>
  () =>
    bytes;

const FLOODS: Readonly<Record<string, { first?: Buffer; next: Next; abuse: string }>> = {
  "streams that are reset at once": {
    next: (index) =>
      Buffer.concat([
        frame(FrameType.HEADERS, Flag.END_HEADERS, idOf(index), REQUEST),
        frame(FrameType.RST_STREAM, 0, idOf(index), uint32(ErrorCode.CANCEL)),
      ]),
    abuse: "early ends",
  },
  "streams that we are made to reset by a window that is widened by nothing": {
    next: (index) =>
      Buffer.concat([
        frame(FrameType.HEADERS, Flag.END_HEADERS, idOf(index), REQUEST),
        frame(FrameType.WINDOW_UPDATE, 0, idOf(index), uint32(0)),
      ]),
    abuse: "early ends",
  },
  "malformed requests": {
    next: (index) => frame(FrameType.HEADERS, WHOLE, idOf(index), Buffer.of(0x82)),
    abuse: "early ends",
  },
  "CONTINUATION without end": {
    first: frame(FrameType.HEADERS, 0, 1, REQUEST),
    next: of(frame(FrameType.CONTINUATION, 0, 1, Buffer.alloc(1_000))),
    abuse: "header blocks",
  },
  "CONTINUATION without end and with nothing in it": {
    first: frame(FrameType.HEADERS, 0, 1, REQUEST),
    next: of(frame(FrameType.CONTINUATION, 0, 1)),
    abuse: "idle frames",
  },
  PING: { next: of(frame(FrameType.PING, 0, 0, Buffer.alloc(8))), abuse: "idle frames" },
  "acknowledgements of no PING": {
    next: of(frame(FrameType.PING, Flag.ACK, 0, Buffer.alloc(8))),
    abuse: "idle frames",
  },
  SETTINGS: { next: of(frame(FrameType.SETTINGS, 0, 0)), abuse: "idle frames" },
  "windows that go up and down": {
    next: (index) => frame(FrameType.SETTINGS, 0, 0, settings([4, index % 2])),
    abuse: "idle frames",
  },
  "DATA with nothing in it": {
    first: frame(FrameType.HEADERS, Flag.END_HEADERS, 1, REQUEST),
    next: of(frame(FrameType.DATA, 0, 1)),
    abuse: "idle frames",
  },
  "DATA with nothing but padding in it": {
    first: frame(FrameType.HEADERS, Flag.END_HEADERS, 1, REQUEST),
    next: of(frame(FrameType.DATA, Flag.PADDED, 1, Buffer.of(2, 0, 0))),
    abuse: "idle frames",
  },
  WINDOW_UPDATE: {
    next: of(frame(FrameType.WINDOW_UPDATE, 0, 0, uint32(1))),
    abuse: "idle frames",
  },
  PRIORITY: { next: of(frame(FrameType.PRIORITY, 0, 1, Buffer.alloc(5))), abuse: "idle frames" },
  "frames of an unknown type": { next: of(frame(0xbb, 0, 1)), abuse: "idle frames" },
};

test.each(Object.entries(FLOODS))("%s", async (_, { first, next, abuse }) => {
  const { port, abuses, failures, connections, close } = await startEchoServer();
  onTestFinished(close);
  const honest = await askAllTheWhile(port);
  const before = memoryBytes();
  const client = await connectRaw(port);
  if (first) client.send(first);
  await flood(client, next);
  expect(client.goAwayCode()).toBe(ErrorCode.ENHANCE_YOUR_CALM);
  expect(memoryBytes() - before).toBeLessThan(MEMORY_BYTES_MAX);
  expect(await honest.end()).toBeGreaterThan(0);
  expect(abuses).toEqual([abuse]);
  expect(failures).toEqual([]);
  await expect.poll(() => connections.size, { timeout: 20_000 }).toBe(0);
});

/** Sends until it is cut off. */
async function flood(client: RawClient, next: Next): Promise<void> {
  let sent = 0;
  for (let index = 0; !client.isClosed; ) {
    const until = index + AT_ONCE;
    const frames: Buffer[] = [];
    for (; index < until; index++) frames.push(next(index));
    const bytes = Buffer.concat(frames);
    sent += bytes.length;
    expect(sent).toBeLessThan(FLOOD_BYTES_MAX);
    client.send(bytes);
    await new Promise(setImmediate);
    await client.taken();
  }
}

test("what we are made to write and nobody reads is bounded", async () => {
  const { port, abuses, close } = await startEchoServer({
    idleFrames: { burst: Number.POSITIVE_INFINITY, perSecond: 1 },
  });
  onTestFinished(close);
  const before = memoryBytes();
  const client = await connectRaw(port);
  client.socket.pause();
  const pings = Buffer.concat(
    Array.from({ length: 5_000 }, () => frame(FrameType.PING, 0, 0, Buffer.alloc(8))),
  );
  // The system's own buffers take some megabytes.
  for (let sent = 0; abuses.length === 0; sent += pings.length) {
    expect(sent).toBeLessThan(FLOOD_BYTES_MAX);
    client.send(pings);
    await new Promise(setImmediate);
  }
  client.socket.destroy();
  expect(abuses).toEqual(["unread output"]);
  expect(memoryBytes() - before).toBeLessThan(FLOOD_BYTES_MAX);
});

test("what is sent of many answers to who reads nothing waits in their streams, within the socket's bound", async () => {
  const body = Buffer.alloc(1_000_000);
  let pending = () => 0;
  const { port, connections, close } = await startEchoServer({}, (stream) => {
    const before = pending;
    pending = () => before() + stream.pendingBytes;
    stream.listener = { onData() {}, onEnd() {}, onRoom() {}, onClose() {} };
    stream.respond(requestBlock(), Buffer.alloc(0), body, requestBlock());
  });
  onTestFinished(close);
  const client = await connectRaw(port);
  client.socket.pause();
  client.send(
    frame(FrameType.SETTINGS, 0, 0, settings([4, 0x7fffffff])),
    frame(FrameType.WINDOW_UPDATE, 0, 0, uint32(0x7fff0000)),
  );
  for (let index = 0; index < 50; index++) {
    client.send(frame(FrameType.HEADERS, WHOLE, idOf(index), REQUEST));
  }
  await expect.poll(() => pending(), { timeout: 20_000 }).toBeGreaterThan(30_000_000);
  for (const { socket } of connections) expect(socket.writableLength).toBeLessThan(1_000_000);
  // Who then reads gets all of it.
  client.socket.resume();
  const ends = () => client.frames.filter(({ type, flags }) => type === 1 && flags & 1).length;
  await expect.poll(ends, { timeout: 20_000 }).toBe(50);
  const bytes = client.frames.reduce(
    (sum, { type, payload }) => sum + (type === 0 ? payload.length : 0),
    0,
  );
  expect(bytes).toBe(50 * body.length);
});

test.each([
  ["that says nothing", Buffer.alloc(0), undefined],
  ["that stops within its first words", Buffer.from("PRI * HTTP/2"), undefined],
  ["that does not go on with a header block", undefined, frame(FrameType.HEADERS, 0, 1, REQUEST)],
])("a connection %s is ended", async (_, greeting, then) => {
  const { port, abuses, close } = await startEchoServer({ setupTimeoutMs: 100 });
  onTestFinished(close);
  const client = await connectRaw(port, greeting);
  if (then) client.send(then);
  await client.closed();
  expect(abuses).toEqual(["silence"]);
});

test("more streams than there may be are refused, and the others answered", async () => {
  const { port, close } = await startEchoServer({ concurrentStreams: 10 });
  onTestFinished(close);
  const client = await connectRaw(port);
  for (let index = 0; index < 15; index++) {
    client.send(frame(FrameType.HEADERS, Flag.END_HEADERS, idOf(index), REQUEST));
  }
  for (let index = 0; index < 10; index++) {
    client.send(frame(FrameType.DATA, Flag.END_STREAM, idOf(index), Buffer.from("x")));
  }
  await client.until(({ type, id }) => type === FrameType.DATA && id === idOf(9));
  const resets = client.frames.filter(({ type }) => type === FrameType.RST_STREAM);
  expect(resets.map(({ id, payload }) => [id, payload.readUInt32BE()])).toEqual(
    [10, 11, 12, 13, 14].map((index) => [idOf(index), ErrorCode.REFUSED_STREAM]),
  );
  client.socket.destroy();
});

/** An honest client; `end` says how often it was answered. */
async function askAllTheWhile(port: number) {
  const session = connect(`http://127.0.0.1:${port}`);
  let answers = 0;
  let isOver = false;
  const ask = async () => {
    const stream = session.request({ ":path": "/" });
    stream.resume();
    const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
    expect(headers[":status"]).toBe(200);
    answers += 1;
  };
  await ask();
  const asking = (async () => {
    while (!isOver) await ask();
  })();
  return {
    async end() {
      isOver = true;
      await asking;
      session.destroy();
      return answers;
    },
  };
}

function memoryBytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

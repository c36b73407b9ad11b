// Abuse by what is sent: resets, frames without an end, headers and messages that are larger than they look.

import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { type AbuseRow, CREATE, GET, get, HOST, IMPORT } from "./abuse-row.ts";
import {
  ACK,
  callHeaders,
  END_HEADERS,
  END_STREAM,
  FRAME,
  FRAME_BYTES,
  frame,
  headerBlock,
  headerFrames,
  openRaw,
} from "./frames.ts";
import { frameMessage, openSession, openStream } from "./overload.ts";

const STREAMS = 3_000;

const rawReset: AbuseRow = {
  row: "32",
  done: `${STREAMS} × HEADERS and RST_STREAM, raw`,
  asked: "honest probe ≤ 50 ms, memory ≤ +50 MB",
  async run({ port }) {
    const connection = await openRaw(port, HOST);
    const block = callHeaders(GET);
    const cancel = Buffer.alloc(4);
    cancel.writeUInt32BE(8);
    for (let index = 0; index < STREAMS; index++) {
      const id = 2 * index + 1;
      await connection.write(
        Buffer.concat([headerFrames(id, block), frame(FRAME.reset, 0, id, cancel)]),
      );
    }
    await sleep(1_000);
    const goAways = connection.received(FRAME.goAway);
    const how = connection.isClosed ? "closed" : "open";
    connection.socket.destroy();
    return `${how} after ${goAways} GOAWAY`;
  },
};

const clientReset: AbuseRow = {
  row: "32",
  done: `${STREAMS} calls begun and cancelled by node:http2, over new connections when one is cut`,
  asked: "honest probe ≤ 50 ms, memory ≤ +50 MB",
  async run({ port }) {
    let session = openSession(port, HOST);
    let sessions = 1;
    for (let index = 0; index < STREAMS; index++) {
      if (session.destroyed || session.closed) {
        session = openSession(port, HOST);
        sessions += 1;
      }
      const stream = openStream(session, GET);
      stream.end(frameMessage(get.message));
      stream.close(8);
      if (index % 50 === 0) await sleep(5);
    }
    await sleep(1_000);
    session.destroy();
    return `${sessions} connections`;
  },
};

function largeHeaders(bytes: number): AbuseRow {
  return {
    row: "34",
    done: `${STREAMS} calls with ${bytes / 1_000} KB of headers, left open, over 30 connections`,
    asked: "memory ≤ +100 MB",
    async run({ port }) {
      const value = "x".repeat(bytes - 1_000);
      const connections = await Promise.all(
        Array.from({ length: STREAMS / 100 }, () => openRaw(port, HOST)),
      );
      const block = callHeaders(IMPORT, { "x-note": value });
      for (let index = 0; index < 100; index++) {
        const frames = headerFrames(2 * index + 1, block);
        await Promise.all(connections.map((connection) => connection.write(frames)));
      }
      await sleep(2_000);
      const open = connections.filter(({ isClosed }) => !isClosed).length;
      const answered = connections.reduce((sum, it) => sum + it.received(FRAME.headers), 0);
      for (const { socket } of connections) socket.destroy();
      return `${answered} answered at once, ${open} of ${connections.length} connections stay`;
    },
  };
}

const zipBomb: AbuseRow = {
  row: "17",
  done: "100 calls of 4 messages of 4 KB that are 4 MB, unary and Import",
  asked: "memory ≤ +450 MB",
  async run({ port }) {
    const bomb = frameMessage(gzipSync(Buffer.alloc(4_000_000)), true);
    const beyond = frameMessage(gzipSync(Buffer.alloc(40_000_000)), true);
    const session = openSession(port, HOST);
    const ends = new Map<string, number>();
    const send = (path: string, body: Buffer, times: number) =>
      new Promise<void>((resolve) => {
        const stream = openStream(session, path, { "grpc-encoding": "gzip" }).resume();
        let status = "none";
        const look = (headers: Record<string, unknown>) => {
          status = String(headers["grpc-status"] ?? status);
        };
        stream.on("response", look).on("trailers", look);
        stream.once("close", () => {
          ends.set(status, (ends.get(status) ?? 0) + 1);
          resolve();
        });
        for (let time = 0; time < times; time++) stream.write(body);
        stream.end();
      });
    const calls = Array.from({ length: 100 });
    await Promise.all(calls.map(() => send(CREATE, bomb, 1)));
    await Promise.all(calls.map(() => send(IMPORT, bomb, 4)));
    await Promise.all(calls.map(() => send(CREATE, beyond, 1)));
    session.destroy();
    return [...ends].map(([status, times]) => `status ${status}: ${times}`).join(", ");
  },
};

/** Frames without an end on one connection, until the server has had enough of them. */
function flood(name: string, asked: string, make: (index: number) => Buffer, begin?: Buffer) {
  const row: AbuseRow = {
    row: "33",
    done: name,
    asked,
    async run({ port }) {
      const connection = await openRaw(port, HOST);
      if (begin) await connection.write(begin);
      let bytes = 0;
      const endMs = performance.now() + 10_000;
      for (let index = 0; !connection.isClosed && performance.now() < endMs; index++) {
        const frames = make(index);
        bytes += frames.length;
        await connection.write(frames);
      }
      await sleep(200);
      const goAways = connection.received(FRAME.goAway);
      const how = connection.isClosed ? "closed" : "open";
      connection.socket.destroy();
      return `${how} after ${(bytes / 1e6).toFixed(1)} MB, ${goAways} GOAWAY`;
    },
  };
  return row;
}

const times = (count: number, one: Buffer) =>
  Buffer.concat(Array.from({ length: count }, () => one));
const BOUNDED = "closed, or memory ≤ +50 MB and honest p99 ≤ 50 ms";
const filler = headerBlock({ "x-note": "x".repeat(FRAME_BYTES - 20) }).subarray(0, FRAME_BYTES);
const increment = Buffer.from([0, 0, 0, 1]);

/** Those that send what no client sends. */
export const FLOODS: readonly AbuseRow[] = [
  rawReset,
  clientReset,
  flood("CONTINUATION without end", "closed, memory ≤ +63 MB", (index) =>
    index === 0
      ? frame(FRAME.headers, 0, 1, callHeaders(GET))
      : frame(FRAME.continuation, 0, 1, filler),
  ),
  flood("CONTINUATION, empty", BOUNDED, (index) =>
    index === 0
      ? frame(FRAME.headers, 0, 1, callHeaders(GET))
      : times(1_000, frame(FRAME.continuation, 0, 1)),
  ),
  flood("SETTINGS", BOUNDED, () => times(500, frame(FRAME.settings, 0, 0))),
  flood("SETTINGS acknowledged", BOUNDED, () => times(500, frame(FRAME.settings, ACK, 0))),
  flood("PING", BOUNDED, () => times(500, frame(FRAME.ping, 0, 0, Buffer.alloc(8)))),
  flood(
    "DATA, empty",
    BOUNDED,
    () => times(500, frame(FRAME.data, 0, 1)),
    headerFrames(1, callHeaders(IMPORT)),
  ),
  flood("WINDOW_UPDATE", BOUNDED, () => times(500, frame(FRAME.windowUpdate, 0, 0, increment))),
  flood("HEADERS of calls that there are not", BOUNDED, (index) =>
    frame(FRAME.headers, END_HEADERS | END_STREAM, 2 * index + 1, callHeaders("/none/None")),
  ),
  largeHeaders(60_000),
  largeHeaders(15_000),
  zipBomb,
];

// Abuse by what is not done: answers that are not read, requests that do not come, connections that are
// silent.

import type { ClientHttp2Session } from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type AbuseRow,
  CREATE,
  creation,
  EXPORT,
  exported,
  HOST,
  HOSTS,
  IMPORT,
  LIST,
  largePage,
} from "./abuse-row.ts";
import { callHeaders, headerFrames, openRaw, openSocket } from "./frames.ts";
import { frameMessage, openSession, openStream } from "./overload.ts";

/** Calls whose answers are not read; nothing is given back of a window. */
function leaveUnread(session: ClientHttp2Session, path: string, body: Buffer, times: number) {
  return Array.from({ length: times }, () => {
    const stream = openStream(session, path);
    stream.pause();
    stream.end(body);
    return stream;
  });
}

const unreadStreams: AbuseRow = {
  row: "18",
  done: "100 Exports that are not read",
  asked: "memory ≤ +64 MB, ended after unreadTimeoutMs",
  async run({ port }) {
    const session = openSession(port, HOST);
    const streams = leaveUnread(session, EXPORT, exported, 100);
    await sleep(20_000);
    const open = streams.filter(({ closed }) => !closed).length;
    await sleep(20_000);
    const left = streams.filter(({ closed }) => !closed).length;
    session.destroy();
    return `${open} open after 20 s, ${left} after 40 s`;
  },
};

const unreadLists: AbuseRow = {
  row: "unread",
  done: "20 connections of 60 Lists of 3 MB that are not read",
  asked: "memory ≤ +400 MB",
  async run({ port }) {
    const sessions = Array.from({ length: 20 }, (_, index) =>
      openSession(port, HOSTS[index % HOSTS.length] ?? HOST),
    );
    const ends = new Map<string, number>();
    const streams = sessions.flatMap((session) => leaveUnread(session, LIST, largePage, 60));
    for (const stream of streams) {
      stream.on("response", (headers) => {
        const status = String(headers["grpc-status"] ?? "answered");
        ends.set(status, (ends.get(status) ?? 0) + 1);
      });
    }
    await sleep(15_000);
    for (const session of sessions) session.destroy();
    return [...ends].map(([status, times]) => `${status}: ${times}`).join(", ");
  },
};

const slowSenders: AbuseRow = {
  row: "19",
  done: "50 unary and 50 Import calls that send a byte a second, 20 connections that answer no ping",
  asked: "unary calls ended after 30 s, dead connections after 40 s",
  async run({ port }) {
    const session = openSession(port, HOST);
    const open = (path: string) => Array.from({ length: 50 }, () => openStream(session, path));
    const [unary, imports] = [open(CREATE), open(IMPORT)];
    const message = frameMessage(Buffer.alloc(1_000));
    const dead = await Promise.all(Array.from({ length: 20 }, () => openRaw(port, HOST)));
    for (const { socket, write } of dead) {
      await write(headerFrames(1, callHeaders(IMPORT)));
      socket.pause();
    }
    for (let second = 0; second < 45; second++) {
      for (const stream of [...unary, ...imports]) {
        if (!stream.closed && !stream.destroyed) stream.write(message.subarray(second, second + 1));
      }
      await sleep(1_000);
    }
    for (const { socket } of dead) socket.resume();
    await sleep(500);
    const ended = (streams: typeof unary) => streams.filter(({ closed }) => closed).length;
    const closed = dead.filter(({ isClosed }) => isClosed).length;
    const seen = `after 45 s ended: ${ended(unary)} unary, ${ended(imports)} Import, ${closed} dead connections`;
    session.destroy();
    for (const { socket } of dead) socket.destroy();
    return seen;
  },
};

const silentSockets: AbuseRow = {
  row: "35",
  done: "2,000 sockets from 4 hosts that say nothing",
  asked: "512 at most, closed after 10 s",
  async run({ port, descriptors }) {
    const before = descriptors();
    const sockets = await Promise.all(
      Array.from({ length: 2_000 }, (_, index) =>
        openSocket(port, HOSTS[index % HOSTS.length] ?? HOST),
      ),
    );
    for (const socket of sockets) socket.resume();
    await sleep(2_000);
    const open = descriptors() - before;
    await sleep(11_000);
    const left = descriptors() - before;
    for (const socket of sockets) socket.destroy();
    return `the server has ${open} of them open, ${left} after 13 s`;
  },
};

const slowStreams: AbuseRow = {
  row: "9",
  done: "100 Exports read slowly, and Lists, while 200 rows a second are written",
  asked: "log ≤ 16 MiB",
  async run({ port, minutes, logMb }) {
    const untilMs = performance.now() + minutes * 60_000;
    let [largest, read] = [0, 0];
    const isOver = () => performance.now() >= untilMs;
    const session = openSession(port, HOST);
    const others = openSession(port, HOSTS[1] ?? HOST);
    const readSlowly = async (path: string, body: Buffer) => {
      while (!isOver() && !session.destroyed) {
        const stream = openStream(session, path);
        stream.end(body);
        stream.on("data", (chunk: Buffer) => {
          read += chunk.length;
          stream.pause();
          setTimeout(() => stream.resume(), 250);
        });
        const closed = new Promise((resolve) => stream.once("close", resolve));
        while (!stream.closed && !isOver()) await Promise.race([closed, sleep(1_000)]);
        if (!stream.closed) stream.close(8);
      }
    };
    const look = async () => {
      while (!isOver()) {
        largest = Math.max(largest, logMb());
        await sleep(20);
      }
    };
    const write = async () => {
      let [sent, written] = [0, 0];
      const startMs = performance.now();
      while (!isOver()) {
        for (; sent < (performance.now() - startMs) / 5; sent++) {
          const stream = openStream(others, CREATE).resume();
          stream.on("trailers", (trailers) => {
            if (trailers["grpc-status"] === "0") written += 1;
          });
          stream.end(frameMessage(creation.message));
        }
        await sleep(20);
      }
      return written;
    };
    const readers = Array.from({ length: 90 }, () => readSlowly(EXPORT, exported));
    const lists = Array.from({ length: 10 }, () => readSlowly(LIST, largePage));
    const [written] = await Promise.all([write(), look(), ...readers, ...lists]);
    session.destroy();
    others.destroy();
    return `${minutes} min: log ${largest.toFixed(1)} MiB at most, ${written} written, ${(read / 2 ** 20).toFixed(0)} MiB read`;
  },
};

/** Those that let the server wait. */
export const WAITS: readonly AbuseRow[] = [
  unreadStreams,
  unreadLists,
  slowSenders,
  silentSockets,
  slowStreams,
];

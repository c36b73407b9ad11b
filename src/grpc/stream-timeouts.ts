// Ends the calls of clients that let them wait: that do not send all of their request, or do not read
// their answer. Must not end a call that waits for its handler.

import { constants, type Http2Server, type ServerHttp2Stream } from "node:http2";
import type { DescMethod } from "@bufbuild/protobuf";
import type { Limits } from "../limits.ts";
import type { CountRefusal } from "./refusal-counts.ts";
import type { StreamWatch } from "./stream-limits.ts";

/** The limits that are kept here. */
export type TimeoutLimits = Pick<
  Limits,
  "requestTimeoutMs" | "unreadTimeoutMs" | "readBytesPerSecond"
>;

/** A message that is not read yet, and when its stream is ended if it is not by then. */
interface Unread {
  readonly stream: ServerHttp2Stream;
  readonly untilMs: number;
}

type MethodKind = DescMethod["methodKind"];

/** How grpc-js writes. */
type Write = (
  this: ServerHttp2Stream,
  message: Uint8Array,
  onWritten: (error?: Error | null) => void,
) => boolean;

/** How often, within a timeout, it is looked whether it is over. */
const LOOKS = 10;

/**
 * Ends calls that take longer than the limits; the result is to be told of all calls. `kindOf` says
 * which kind of method a path is of; one that is of none is as unary.
 */
export function limitWaits(
  server: Http2Server,
  { requestTimeoutMs, unreadTimeoutMs, readBytesPerSecond }: TimeoutLimits,
  kindOf: (path: string) => MethodKind | undefined,
  countRefusal: CountRefusal,
): StreamWatch {
  /** The calls whose request must end, and when they came: those with one answer, and with many. */
  const unaryMs = new Map<ServerHttp2Stream, number>();
  const answeringMs = new Map<ServerHttp2Stream, number>();
  /** When the only answer of a call must have been read: those that a look has found unread. */
  const answerUntilMs = new Map<ServerHttp2Stream, number>();
  /** The messages of streams. */
  const unread = new Set<Unread>();

  function end(stream: ServerHttp2Stream, limit: "requestTimeoutMs" | "unreadTimeoutMs"): void {
    if (stream.closed) return;
    countRefusal(limit);
    stream.close(constants.NGHTTP2_CANCEL);
  }

  function readUntilMs(bytes: number, nowMs: number): number {
    return nowMs + unreadTimeoutMs + (bytes / readBytesPerSecond) * 1_000;
  }

  function endIncomplete(calls: ReadonlyMap<ServerHttp2Stream, number>, nowMs: number): void {
    for (const [stream, sinceMs] of calls) {
      const isOver = !stream.readableEnded && nowMs - sinceMs >= requestTimeoutMs;
      if (isOver) end(stream, "requestTimeoutMs");
    }
  }

  const look = () => {
    const nowMs = performance.now();
    endIncomplete(unaryMs, nowMs);
    endIncomplete(answeringMs, nowMs);
    for (const stream of unaryMs.keys()) {
      if (stream.bufferSize === 0) continue;
      const untilMs = answerUntilMs.get(stream) ?? readUntilMs(stream.bufferSize, nowMs);
      answerUntilMs.set(stream, untilMs);
      if (nowMs >= untilMs) end(stream, "unreadTimeoutMs");
    }
    for (const { stream, untilMs } of unread) if (nowMs >= untilMs) end(stream, "unreadTimeoutMs");
  };
  const timer = setInterval(look, Math.min(requestTimeoutMs, unreadTimeoutMs) / LOOKS).unref();
  server.once("close", () => clearInterval(timer));

  /**
   * Node tells nobody how much of a message has been read; that all of it has, it tells who wrote it.
   * That would cost a call with one answer a tenth of its time: those are looked through.
   */
  function watchWrites(stream: ServerHttp2Stream): void {
    const write = stream.write as Write;
    stream.write = ((message, onWritten) => {
      const one = { stream, untilMs: readUntilMs(message.length, performance.now()) };
      unread.add(one);
      return write.call(stream, message, (error) => {
        unread.delete(one);
        onWritten(error);
      });
    }) satisfies Write as typeof stream.write;
  }

  return {
    onCall(stream, path) {
      switch (kindOf(path)) {
        case undefined:
        case "unary":
          unaryMs.set(stream, performance.now());
          return;
        case "server_streaming":
          answeringMs.set(stream, performance.now());
          watchWrites(stream);
          return;
        case "client_streaming":
        case "bidi_streaming":
          watchWrites(stream);
      }
    },
    onClosed(stream) {
      if (unaryMs.delete(stream)) answerUntilMs.delete(stream);
      else answeringMs.delete(stream);
    },
  };
}

// Ends the calls of clients that let them wait: that do not send all of their request, or do not read
// their answer. Must not end a call that waits for its handler.

import { constants, type Http2Server, type ServerHttp2Stream } from "node:http2";
import type { DescMethod } from "@bufbuild/protobuf";
import type { Limits } from "../limits.ts";
import type { CountRefusal } from "./refusal-counts.ts";
import type { StreamWatch } from "./stream-limits.ts";
import { createStreamPlaces } from "./stream-places.ts";

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

/** A call with one request. */
interface Call {
  readonly stream: ServerHttp2Stream;
  /** When it came. */
  readonly sinceMs: number;
  /** The answers of others are watched one by one. */
  readonly hasOneAnswer: boolean;
  /** When its answer must have been read, once a look has found it unread. */
  answerUntilMs?: number;
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
/** Timeouts can be made shorter while the server runs. */
const LOOK_AFTER_MAX_MS = 30_000;

/**
 * Ends calls that take longer than the limits; the result is to be told of all calls. `kindOf` says
 * which kind of method a path is of; one that is of none is as unary.
 */
export function limitWaits(
  server: Http2Server,
  limits: TimeoutLimits,
  kindOf: (path: string) => MethodKind | undefined,
  countRefusal: CountRefusal,
): StreamWatch {
  /** The calls whose request must end. */
  const calls = createStreamPlaces<Call>();
  /** The messages of streams. */
  const unread = new Set<Unread>();

  function end(stream: ServerHttp2Stream, limit: "requestTimeoutMs" | "unreadTimeoutMs"): void {
    if (stream.closed) return;
    countRefusal(limit);
    stream.close(constants.NGHTTP2_CANCEL);
  }

  function readUntilMs(bytes: number, nowMs: number): number {
    return nowMs + limits.unreadTimeoutMs + (bytes / limits.readBytesPerSecond) * 1_000;
  }

  function lookAt(call: Call, nowMs: number): void {
    const { stream, sinceMs, hasOneAnswer } = call;
    const isOver = !stream.readableEnded && nowMs - sinceMs >= limits.requestTimeoutMs;
    if (isOver) end(stream, "requestTimeoutMs");
    if (!hasOneAnswer || stream.bufferSize === 0) return;
    call.answerUntilMs ??= readUntilMs(stream.bufferSize, nowMs);
    if (nowMs >= call.answerUntilMs) end(stream, "unreadTimeoutMs");
  }

  const look = () => {
    const nowMs = performance.now();
    for (const call of calls.values()) lookAt(call, nowMs);
    for (const { stream, untilMs } of unread) if (nowMs >= untilMs) end(stream, "unreadTimeoutMs");
  };
  let timer: NodeJS.Timeout | undefined;
  function lookLater(): void {
    const timeoutMs = Math.min(limits.requestTimeoutMs, limits.unreadTimeoutMs, LOOK_AFTER_MAX_MS);
    timer = setTimeout(() => {
      look();
      lookLater();
    }, timeoutMs / LOOKS).unref();
  }
  lookLater();
  server.once("close", () => clearTimeout(timer));

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
          calls.add(stream, { stream, sinceMs: performance.now(), hasOneAnswer: true });
          return;
        case "server_streaming":
          calls.add(stream, { stream, sinceMs: performance.now(), hasOneAnswer: false });
          watchWrites(stream);
          return;
        case "client_streaming":
        case "bidi_streaming":
          watchWrites(stream);
      }
    },
    onClosed: calls.delete,
  };
}

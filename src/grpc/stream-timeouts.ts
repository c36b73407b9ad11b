// Ends the calls of clients that let them wait: that do not send all of their request, or do not read
// their answer. Must not end a call that waits for its handler.

import { constants, type Http2Server, type ServerHttp2Stream } from "node:http2";
import type { Limits } from "../limits.ts";
import type { CountRefusal } from "./refusal-counts.ts";

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

/** How grpc-js writes. */
type Write = (
  this: ServerHttp2Stream,
  message: Uint8Array,
  onWritten: (error?: Error | null) => void,
) => boolean;

/** How often, within a timeout, it is looked whether it is over. */
const LOOKS = 10;

/**
 * Ends calls that take longer than the limits; the result is to be told of each call.
 * `sendsStream` says whether the requests of a path may go on as long as they like.
 */
export function limitWaits(
  server: Http2Server,
  { requestTimeoutMs, unreadTimeoutMs, readBytesPerSecond }: TimeoutLimits,
  sendsStream: (path: string) => boolean,
  countRefusal: CountRefusal,
): (stream: ServerHttp2Stream, path: string) => void {
  const unread = new Set<Unread>();
  /** The calls whose request must end, and when they came. */
  const startedMs = new Map<ServerHttp2Stream, number>();

  function end(stream: ServerHttp2Stream, limit: "requestTimeoutMs" | "unreadTimeoutMs"): void {
    if (stream.closed) return;
    countRefusal(limit);
    stream.close(constants.NGHTTP2_CANCEL);
  }

  const look = () => {
    const nowMs = performance.now();
    for (const { stream, untilMs } of unread) if (nowMs >= untilMs) end(stream, "unreadTimeoutMs");
    for (const [stream, sinceMs] of startedMs) {
      if (!stream.readableEnded && nowMs - sinceMs >= requestTimeoutMs) {
        end(stream, "requestTimeoutMs");
      }
    }
  };
  const timer = setInterval(look, Math.min(requestTimeoutMs, unreadTimeoutMs) / LOOKS).unref();
  server.once("close", () => clearInterval(timer));

  function forget(this: ServerHttp2Stream): void {
    startedMs.delete(this);
  }

  /** Node tells nobody how much of a message has been read; that all of it has, it tells who wrote it. */
  function watchWrites(stream: ServerHttp2Stream): void {
    const write = stream.write as Write;
    stream.write = ((message, onWritten) => {
      const readMs = (message.length / readBytesPerSecond) * 1_000;
      const one = { stream, untilMs: performance.now() + unreadTimeoutMs + readMs };
      unread.add(one);
      return write.call(stream, message, (error) => {
        unread.delete(one);
        onWritten(error);
      });
    }) satisfies Write as typeof stream.write;
  }

  return (stream, path) => {
    watchWrites(stream);
    if (sendsStream(path)) return;
    startedMs.set(stream, performance.now());
    stream.on("close", forget);
  };
}

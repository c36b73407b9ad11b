// Puts right what callers send as `grpc-timeout`, before grpc-js reads it: that reads it loosely, and
// what overflows 32 bits of milliseconds becomes a deadline that has passed.
// Must not know calls: their deadlines are read where grpc-js has them.

import type { Http2Server, IncomingHttpHeaders } from "node:http2";
import { TIMEOUT_MAX_MS, toTimeoutMs } from "./timeout-text.ts";

const HEADER = "grpc-timeout";
/** TIMEOUT_MAX_MS as the protocol writes it. */
const LONGEST = `${TIMEOUT_MAX_MS / 1_000}S`;

/** What grpc-js refuses, with INTERNAL. */
const MALFORMED = "malformed";

/** The same timeout as grpc-js reads it right. */
export function toSafeTimeout(timeout: string): string {
  const timeoutMs = toTimeoutMs(timeout);
  if (Number.isNaN(timeoutMs)) return MALFORMED;
  return timeoutMs === TIMEOUT_MAX_MS ? LONGEST : timeout;
}

/** Puts right the timeouts of all calls to a server. */
export function limitTimeouts(server: Http2Server): void {
  server.prependListener("stream", (_stream, headers: IncomingHttpHeaders) => {
    const timeout = headers[HEADER];
    if (timeout !== undefined) headers[HEADER] = toSafeTimeout(String(timeout));
  });
}

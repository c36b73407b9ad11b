// Puts right what callers send as `grpc-timeout`, before grpc-js reads it: that reads it loosely, and
// what overflows 32 bits of milliseconds becomes a deadline that has passed.
// Must not know calls: their deadlines are read where grpc-js has them.

import type { Http2Server, IncomingHttpHeaders } from "node:http2";

const HEADER = "grpc-timeout";
/** The protocol's form of it: at most eight digits and a unit. */
const TIMEOUT = /^(\d{1,8})([HMSmun])$/;
const UNITS_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** The longest that a timer can wait is 2^31-1 ms; this is as many seconds, 24 days and more. */
const LONGEST = "2147483S";
const LONGEST_MS = 2_147_483_000;

/** What grpc-js refuses, with INTERNAL. */
const MALFORMED = "malformed";

/** The same timeout as grpc-js reads it right. */
export function toSafeTimeout(timeout: string): string {
  const [, digits, unit = ""] = TIMEOUT.exec(timeout) ?? [];
  if (digits === undefined) return MALFORMED;
  return Number(digits) * (UNITS_MS[unit] ?? 0) > LONGEST_MS ? LONGEST : timeout;
}

/** Puts right the timeouts of all calls to a server. */
export function limitTimeouts(server: Http2Server): void {
  server.prependListener("stream", (_stream, headers: IncomingHttpHeaders) => {
    const timeout = headers[HEADER];
    if (timeout !== undefined) headers[HEADER] = toSafeTimeout(String(timeout));
  });
}

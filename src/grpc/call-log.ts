// One line in the log for a call: what an operator looks for when one was slow, or failed.
// Never has what is in a request, a response or an error's message.

import { status } from "@grpc/grpc-js";
import type { CallLogging } from "../config.ts";
import type { FinishedCall, OnFinished } from "../handlers/finished-call.ts";
import type { Limits } from "../limits.ts";
import type { Log } from "../observe/log.ts";
import { STATUS_BY_CODE, statusName } from "./error-status.ts";

/** The errors that are the server's, not the caller's. */
const SERVERS_OWN: ReadonlySet<status> = new Set([
  status.UNKNOWN,
  status.DEADLINE_EXCEEDED,
  status.RESOURCE_EXHAUSTED,
  status.INTERNAL,
  status.UNAVAILABLE,
  status.DATA_LOSS,
]);

/** The most names of statements in a line: a call that needs more tables is rare. */
const NAMES_MAX = 16;

/** Writes the lines of calls to `log`; `random` draws those calls of many that get one. */
export function logCallsTo(
  log: Log,
  { calls, sample }: CallLogging,
  { slowCallMs, callLinesPerSecond }: Pick<Limits, "slowCallMs" | "callLinesPerSecond">,
  random: () => number = Math.random,
): OnFinished | undefined {
  if (calls === "off") return undefined;
  const mayWrite = boundLines(log, callLinesPerSecond);
  return (call) => {
    const { method, error, startMs } = call;
    const durationMs = performance.now() - startMs;
    const code = error ? STATUS_BY_CODE[error.code] : status.OK;
    // A stream is as long as its client wants it.
    const isSlow = method.methodKind === "unary" && durationMs >= slowCallMs;
    // Of many calls that are refused because they are many, no line each.
    const isFailure = SERVERS_OWN.has(code) && error?.code !== "OVERLOADED";
    if (!isSlow && !isFailure) {
      if (calls === "errors") return;
      const isOneOfMany = code === status.OK || error?.code === "OVERLOADED";
      if (isOneOfMany && random() >= sample) return;
    }
    if (!mayWrite()) return;
    const line = factsOf(call, statusName(error), durationMs);
    if (isSlow || isFailure) log.warn(line, isFailure ? "call failed" : "slow call");
    else log.info(line, "call");
  };
}

/** False for a line too many in its second; how many those were is told when it is over. */
function boundLines(log: Log, perSecond: number): () => boolean {
  let [lines, leftOut] = [0, 0];
  const end = () => {
    if (leftOut > 0) log.warn({ calls: leftOut }, "more calls than have a line");
    lines = 0;
    leftOut = 0;
  };
  return () => {
    if (lines + leftOut === 0) setTimeout(end, 1_000).unref();
    if (lines >= perSecond) {
      leftOut += 1;
      return false;
    }
    lines += 1;
    return true;
  };
}

function factsOf(call: FinishedCall, code: string, durationMs: number) {
  const { method, context, error, requestBytes, responseBytes, statements } = call;
  const { principal } = context;
  const traceId = call.traceId ?? traceIdOf(context.metadata("traceparent")[0]);
  const names = [...new Set(statements.runs.map(({ name }) => name))];
  return {
    method: `${method.parent.typeName}/${method.name}`,
    code,
    ...(error && { reason: error.code }),
    durationMs: Math.round(durationMs * 1_000) / 1_000,
    requestBytes,
    responseBytes,
    ...(names.length > 0 && { statements: names.slice(0, NAMES_MAX) }),
    peer: context.peer,
    ...(principal && { principal: principal.name }),
    ...(traceId !== undefined && { traceId }),
  };
}

const TRACE_PARENT =
  /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Of what a client wrote, only what is a trace by the W3C's rules. */
function traceIdOf(value: string | Uint8Array | undefined): string | undefined {
  return typeof value === "string" ? TRACE_PARENT.exec(value)?.[1] : undefined;
}

// Counts the calls of each method, with the names and labels that dashboards for gRPC know.
// Must cost next to nothing: a call adds to a few numbers, and what they are called is found when asked.

import type { DescMethod } from "@bufbuild/protobuf";
import { STATUS_BY_CODE } from "../grpc/error-status.ts";
import type { CallMeter, FinishedCall } from "../handlers/finished-call.ts";
import { cellsOf, observe, readDistribution } from "../observe/distribution.ts";
import { counter, type Family, histogram, type Labels } from "./families.ts";

/** Counts calls. */
export interface CallFigures {
  readonly meterOf: (method: DescMethod) => CallMeter;
  readonly onFinished: (call: FinishedCall) => void;
  /** Counts a call of a method that there is not: all of those are one. */
  readonly onUnknown: () => void;
  families(): readonly Family[];
}

/** What is counted of a method. */
interface MethodCounts {
  readonly labels: Labels;
  started: number;
  received: number;
  sent: number;
  /** By the number of their status. */
  readonly handled: number[];
  readonly seconds: Float64Array;
}

/** In seconds. */
const SECONDS = [
  0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** The statuses by their number, as Go has them. */
const STATUS_NAMES = [
  "OK",
  "Canceled",
  "Unknown",
  "InvalidArgument",
  "DeadlineExceeded",
  "NotFound",
  "AlreadyExists",
  "PermissionDenied",
  "ResourceExhausted",
  "FailedPrecondition",
  "Aborted",
  "OutOfRange",
  "Unimplemented",
  "Internal",
  "Unavailable",
  "DataLoss",
  "Unauthenticated",
];
const OK = STATUS_NAMES.indexOf("OK");
const UNIMPLEMENTED = STATUS_NAMES.indexOf("Unimplemented");

const TYPES: Readonly<Record<DescMethod["methodKind"], string>> = {
  unary: "unary",
  client_streaming: "client_stream",
  server_streaming: "server_stream",
  bidi_streaming: "bidi_stream",
};

/** Counts from nothing; each method that is served has its figures from the start. */
export function createCallFigures(): CallFigures {
  const known = new Map<DescMethod, MethodCounts>();
  const unknown = newCounts({
    grpc_type: "unary",
    grpc_service: "unknown",
    grpc_method: "unknown",
  });

  function countsOf(method: DescMethod): MethodCounts {
    const found = known.get(method);
    if (found) return found;
    const made = newCounts({
      grpc_type: TYPES[method.methodKind],
      grpc_service: method.parent.typeName,
      grpc_method: method.name,
    });
    known.set(method, made);
    return made;
  }

  function finish(counts: MethodCounts, status: number, seconds: number): void {
    counts.handled[status] = (counts.handled[status] ?? 0) + 1;
    observe(counts.seconds, 0, SECONDS, seconds);
  }

  return {
    meterOf(method) {
      const counts = countsOf(method);
      return {
        onStarted: () => void counts.started++,
        onReceived: () => void counts.received++,
        onSent: () => void counts.sent++,
      };
    },
    onFinished({ method, error, startMs }) {
      const status = error ? STATUS_BY_CODE[error.code] : OK;
      finish(countsOf(method), status, (performance.now() - startMs) / 1_000);
    },
    onUnknown() {
      unknown.started += 1;
      finish(unknown, UNIMPLEMENTED, 0);
    },
    families: () => familiesOf([...known.values(), ...(unknown.started > 0 ? [unknown] : [])]),
  };
}

function newCounts(labels: Labels): MethodCounts {
  const seconds = new Float64Array(cellsOf(SECONDS));
  return { labels, started: 0, received: 0, sent: 0, handled: [0], seconds };
}

function familiesOf(all: readonly MethodCounts[]): readonly Family[] {
  const each = (name: string, help: string, count: (counts: MethodCounts) => number) =>
    counter(
      name,
      help,
      all.map((counts) => ({ labels: counts.labels, value: count(counts) })),
    );
  return [
    each("grpc_server_started_total", "Calls that have begun.", ({ started }) => started),
    counter(
      "grpc_server_handled_total",
      "Calls that have ended, by their status.",
      all.flatMap(({ labels, handled }) =>
        // Statuses that there were not have no place.
        Object.entries(handled).map(([status, count]) => ({
          labels: { ...labels, grpc_code: STATUS_NAMES[Number(status)] ?? "Unknown" },
          value: count,
        })),
      ),
    ),
    each("grpc_server_msg_received_total", "Requests, of streams each.", (it) => it.received),
    each("grpc_server_msg_sent_total", "Responses, of streams each.", ({ sent }) => sent),
    histogram(
      "grpc_server_handling_seconds",
      "How long calls took until their answer was ready; streams, until their end.",
      all
        .filter(({ handled }) => handled.some((count) => count > 0))
        .map(({ labels, seconds }) => [labels, readDistribution(seconds, 0, SECONDS)]),
    ),
  ];
}

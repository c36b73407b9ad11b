// A span for each call, and how long calls took, as OpenTelemetry's conventions for RPC name them.
// Never has what is in a request, a response, its metadata or an error's message.

import type { DescMethod } from "@bufbuild/protobuf";
import {
  type Attributes,
  type Context,
  context,
  type Meter,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { statusName } from "../grpc/error-status.ts";
import type { BeginTrace, CallOrigin, CallTrace, UnknownCall } from "../handlers/finished-call.ts";
import type { StatementLog } from "../observe/statement-run.ts";
import { toEpochMs } from "./wall-clock.ts";

/** What calls are told to. */
export interface CallSpans {
  readonly traceOf: (method: DescMethod) => BeginTrace;
  /** Told of a call of a method that there is not: all of those are one. */
  readonly onUnknown: (call: UnknownCall) => void;
}

/** What they are made with. */
export interface CallSpanTools {
  readonly tracer: Tracer;
  readonly meter: Meter;
  /** Tells what was run for the call that the context is of. */
  readonly tellStatements: (log: StatementLog, of: Context) => void;
}

/** In seconds: what the conventions advise. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** The statuses that are errors of a server; the others are its answers to what callers did. */
const SERVERS_OWN: ReadonlySet<string> = new Set([
  "UNKNOWN",
  "DEADLINE_EXCEEDED",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
]);

const SYSTEM: Attributes = { "rpc.system.name": "grpc" };
/** Stands for all methods that there are not. */
const OTHER = "_OTHER";
/** As much is told of what a client has called, and by which name. */
const TEXT_LENGTH_MAX = 200;

const FROM_METADATA: TextMapGetter<CallOrigin> = {
  keys: () => [],
  get: (caller, key) => {
    const texts = caller.metadata(key).filter((value) => typeof value === "string");
    return texts.length === 1 ? texts[0] : texts.length === 0 ? undefined : texts;
  },
};

/** Spans and durations of calls. */
export function createCallSpans(tools: CallSpanTools): CallSpans {
  const { tracer, meter, tellStatements } = tools;
  const durations = meter.createHistogram("rpc.server.call.duration", {
    description: "Measures the duration of inbound remote procedure calls (RPC).",
    unit: "s",
    advice: { explicitBucketBoundaries: SECONDS },
  });

  function start(name: string, caller: CallOrigin, own: Attributes, startMs: number) {
    const parent = propagation.extract(ROOT_CONTEXT, caller, FROM_METADATA);
    const attributes = { ...own, ...serverOf(caller.authority), ...peerOf(caller.peer) };
    const startTime = toEpochMs(startMs);
    const span = tracer.startSpan(name, { kind: SpanKind.SERVER, startTime, attributes }, parent);
    return { span, of: trace.setSpan(parent, span) };
  }

  function end(span: Span, of: Context, own: Attributes, code: string, startMs: number): void {
    const endMs = performance.now();
    const outcome: Attributes = { "rpc.status_code": code };
    if (SERVERS_OWN.has(code)) {
      outcome["error.type"] = code;
      // Without a text: an error's may quote what the client wrote.
      span.setStatus({ code: SpanStatusCode.ERROR });
    }
    span.setAttributes(outcome);
    span.end(toEpochMs(endMs));
    durations.record((endMs - startMs) / 1_000, { ...own, ...outcome }, of);
  }

  return {
    traceOf(method) {
      const name = `${method.parent.typeName}/${method.name}`;
      const own: Attributes = { ...SYSTEM, "rpc.method": name };
      return (caller, startMs): CallTrace => {
        const { span, of } = start(name, caller, own, startMs);
        const { traceId } = span.spanContext();
        return {
          traceId: trace.isSpanContextValid(span.spanContext()) ? traceId : undefined,
          run: (action) => context.with(of, action),
          finish({ error, statements }) {
            if (span.isRecording()) tellStatements(statements, of);
            if (statements.leftOut > 0) {
              span.setAttribute("protostore.statements_left_out", statements.leftOut);
            }
            end(span, of, own, statusName(error), startMs);
          },
        };
      };
    },
    onUnknown(call) {
      const startMs = performance.now();
      const own: Attributes = { ...SYSTEM, "rpc.method": OTHER };
      const original = call.path.replace(/^\//, "").slice(0, TEXT_LENGTH_MAX);
      const attributes = { ...own, "rpc.method_original": original };
      const { span, of } = start("grpc", call, attributes, startMs);
      end(span, of, own, "UNIMPLEMENTED", startMs);
    },
  };
}

/** The server under the name that the client has called it by. */
function serverOf(authority: string): Attributes {
  const [, host = "", port] = /^(.*?)(?::(\d{1,5}))?$/.exec(authority) ?? [];
  if (host === "") return {};
  const address = host.replace(/^\[|\]$/g, "").slice(0, TEXT_LENGTH_MAX);
  return { "server.address": address, ...(port !== undefined && { "server.port": Number(port) }) };
}

/** `host:port`, or `unix:` and a path, which for those that connect is empty. */
function peerOf(peer: string): Attributes {
  if (peer.startsWith("unix:")) return { "network.transport": "unix" };
  const colon = peer.lastIndexOf(":");
  if (colon === -1) return {};
  const host = peer.slice(0, colon).replace(/^\[|\]$/g, "");
  const port = Number(peer.slice(colon + 1));
  return {
    "client.address": host,
    "client.port": port,
    "network.peer.address": host,
    "network.peer.port": port,
    "network.transport": "tcp",
  };
}

// Serves connections by our own HTTP/2 and gRPC.
// Must not know handlers: it is given what answers the calls of each method.

import { status } from "@grpc/grpc-js";
import { StoreError } from "../../errors.ts";
import { methodPath } from "../answer.ts";
import { createCallPlaces, createRefusals } from "../call-places.ts";
import { encodeStatus } from "../error-details.ts";
import { type CallStatus, toCallStatus } from "../error-status.ts";
import { failureStatus, logLateFailure } from "../failure.ts";
import type { Transport, TransportConfig } from "../transport.ts";
import { createTurns } from "../turns.ts";
import { failureOnlyBlock } from "./answer-blocks.ts";
import { createRequestMemory } from "./request-memory.ts";
import type { BeginningCall, WireTools } from "./tools.ts";
import { WireConnection } from "./wire-connection.ts";

/** How often, within a timeout, it is looked whether it is over; and at least how often. */
const LOOKS = 10;
const LOOK_AFTER_MAX_MS = 1_000;

/** Serves by our own HTTP/2. */
export function createWireTransport(config: TransportConfig): Transport {
  const connections = new Set<WireConnection>();
  const tools = toolsOf(config);
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;

  function lookLater(): void {
    timer = setTimeout(() => {
      const nowMs = performance.now();
      for (const connection of connections) connection.look(nowMs);
      lookLater();
    }, lookAfterMs(config)).unref();
  }
  lookLater();

  return {
    serve(socket) {
      // Its end has been told already.
      if (socket.destroyed) return;
      const connection = new WireConnection(socket, tools, (closed) => connections.delete(closed));
      connections.add(connection);
      if (isClosed) connection.leave();
    },
    close() {
      isClosed = true;
      for (const connection of connections) connection.leave();
    },
    // The listener cuts off what is still connected.
    destroy: () => clearTimeout(timer),
  };
}

function lookAfterMs({ limits }: TransportConfig): number {
  const shortest = Math.min(
    limits.requestTimeoutMs,
    limits.unreadTimeoutMs,
    limits.connectionSetupTimeoutMs,
    limits.keepaliveTimeMs,
    limits.keepaliveTimeoutMs,
    limits.connectionIdleMs,
    limits.connectionAgeMs,
    limits.connectionAgeGraceMs,
  );
  return Math.min(shortest / LOOKS, LOOK_AFTER_MAX_MS);
}

function toolsOf(config: TransportConfig): WireTools {
  const { methods, limits, log, errorDomain, countRefusal, peers, onUnknown } = config;
  return {
    limits,
    methods: new Map(methods.map((method) => [methodPath(method.handler.method), method])),
    peers,
    places: createCallPlaces(limits, peers),
    turns: createTurns<BeginningCall>((call) => call.begin(), { isOver: (call) => call.isOver }),
    memory: createRequestMemory(limits, countRefusal),
    countRefusal,
    refusalBy: createRefusals(config, failureOnlyBlock),
    statusOf: (error) =>
      error instanceof StoreError
        ? toCallStatus(error, errorDomain)
        : failureStatus(error, "HTTP/2", { log, errorDomain }),
    malformedTimeout: malformedTimeout(errorDomain),
    onUnknown,
    onFailure: (error) => logLateFailure(error, "HTTP/2", log),
  };
}

/** The protocol has it as INTERNAL, though it is the client's. */
function malformedTimeout(errorDomain: string): CallStatus {
  const code = status.INTERNAL;
  const message = "grpc-timeout is not of the protocol's form";
  return { code, message, details: encodeStatus(code, message, "INTERNAL", {}, errorDomain) };
}

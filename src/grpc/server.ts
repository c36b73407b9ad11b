// The life of a gRPC server: limits, listening, and a stop that loses no call in flight.
// Must not know what it serves, but for the services that answer when the database cannot.

import type { DescMethod } from "@bufbuild/protobuf";
import type { Admission } from "../access/access-control.ts";
import { createCallRate } from "../access/call-rate.ts";
import { DATABASE, HEALTH, REFLECTION } from "../access/method-policy.ts";
import type { TransportName } from "../config.ts";
import { StoreError } from "../errors.ts";
import type { BeginTrace, CallMeter, OnFinished, UnknownCall } from "../handlers/finished-call.ts";
import type { Service } from "../handlers/handler.ts";
import type { Limits } from "../limits.ts";
import type { Log } from "../observe/log.ts";
import { type Place, parseAddress } from "./address.ts";
import { answeringOf } from "./answer.ts";
import { createAnswerMemory } from "./answer-memory.ts";
import { type Listener, listen } from "./listener.ts";
import { createOpenStreams } from "./open-streams.ts";
import { createPeers } from "./peers.ts";
import { createRefusalCounts, type RefusingLimit } from "./refusal-counts.ts";
import { createRetryPace } from "./retry-pace.ts";
import { surviveStrayErrors } from "./stray-errors.ts";
import type { Method, Transport, TransportConfig } from "./transport.ts";

/** What a server is started with. */
export interface ServerConfig extends Place {
  readonly services: readonly Service[];
  /** What speaks HTTP/2; grpc-js if absent. */
  readonly transport?: TransportName | undefined;
  readonly limits: Limits;
  readonly log: Log;
  /** Whose the reasons of errors are: the service name of the resource types. */
  readonly errorDomain: string;
  /** What lets in the calls of a method; all are if absent. */
  readonly admissionTo?: ((method: DescMethod) => Admission | undefined) | undefined;
  /** While it returns an error, every call that is not in UNGATED_SERVICES is refused with it. */
  readonly gate?: () => StoreError | undefined;
  /** Is told of each call when its answer is ready to be sent. */
  readonly onFinished?: OnFinished | undefined;
  /** Who is told of the calls of a method as they come and go. */
  readonly meterOf?: ((method: DescMethod) => CallMeter) | undefined;
  /** What begins the traces of the calls of a method. */
  readonly traceOf?: ((method: DescMethod) => BeginTrace) | undefined;
  /** Is told of each call of a method that there is not. */
  readonly onUnknown?: ((call: UnknownCall) => void) | undefined;
  /** Runs first when the server stops: health says NOT_SERVING here. */
  readonly onStopping?: () => void | Promise<void>;
}

/** A server that listens. */
export interface RunningServer {
  /** Means nothing if the address is a socket's. */
  readonly port: number;
  /** Whether other machines can connect. */
  readonly isPublic: boolean;
  /** How often each limit has refused somebody. */
  readonly refusals: ReadonlyMap<RefusingLimit, number>;
  /** Ends all streams, waits for calls in flight, then closes; resolves when it is closed. */
  stop(): Promise<void>;
}

/** The services that answer even while the gate is closed: they say why it is. */
export const UNGATED_SERVICES: ReadonlySet<string> = new Set([HEALTH, ...REFLECTION, DATABASE]);

/**
 * Starts to serve.
 * @throws StoreError INVALID_CONFIG if it cannot listen at the address.
 */
export async function startServer(config: ServerConfig): Promise<RunningServer> {
  const { services, address, limits, log, errorDomain } = config;
  parseAddress(address);
  const openStreams = createOpenStreams();
  const refusals = createRefusalCounts();
  const pace = createRetryPace();
  const answers = createAnswerMemory(limits, refusals.count);
  const callRate = createCallRate(limits, () => refusals.count("callsPerSecond"));
  const methodsOf = ({ desc: { typeName }, handlers }: Service): Method[] => {
    const isOpen = typeName === HEALTH;
    const closed = UNGATED_SERVICES.has(typeName) ? undefined : config.gate;
    const options = {
      log,
      errorDomain,
      pace,
      countRefusal: refusals.count,
      openStreams,
      gate: { admissionTo: config.admissionTo, callRate: isOpen ? undefined : callRate, closed },
      answers,
      sendMessageBytes: limits.sendMessageBytes,
      onFinished: config.onFinished,
      meterOf: config.meterOf,
      traceOf: config.traceOf,
    };
    return handlers.map((handler) => ({ handler, answering: answeringOf(handler, options) }));
  };
  const peers = createPeers();
  const transport = await createTransport(config.transport, {
    methods: services.flatMap(methodsOf),
    limits,
    log,
    errorDomain,
    countRefusal: refusals.count,
    peers,
    pace,
    onUnknown: config.onUnknown,
  });
  const listener = await listen({
    ...config,
    countRefusal: refusals.count,
    peers,
    onConnection: transport.serve,
  }).catch((error: unknown) => {
    transport.destroy();
    throw error;
  });
  const { port } = listener;
  const letStrayErrorsKill = surviveStrayErrors(log);
  log.info({ address, port, tls: config.tls !== undefined }, "serving");
  if (listener.isPublic && !config.tls) log.warn("other machines can connect and read along");
  if (listener.isPublic && !config.admissionTo) log.warn("whoever can connect may do everything");

  const stop = async () => {
    log.info("stopping");
    try {
      await config.onStopping?.();
    } catch (error) {
      log.error({ err: error }, "a hook failed; stopping all the same");
    }
    // One turn of the event loop, so that health watchers are told before their streams end.
    await new Promise(setImmediate);
    openStreams.endAll(new StoreError("DATABASE_UNAVAILABLE", "the server is stopping"));
    await shutDown(transport, listener, limits.shutdownTimeoutMs, log);
    letStrayErrorsKill();
    log.info("stopped");
  };
  let stopped: Promise<void> | undefined;
  return {
    port,
    isPublic: listener.isPublic,
    refusals: refusals.counts,
    stop() {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** Nobody waits for the one that does not serve. */
async function createTransport(
  name: TransportName | undefined,
  config: TransportConfig,
): Promise<Transport> {
  if (name === "wire")
    return (await import("./wire/wire-transport.ts")).createWireTransport(config);
  return (await import("./library-transport.ts")).createLibraryTransport(config);
}

/** Lets calls in flight finish, for at most `timeoutMs`. */
async function shutDown(
  transport: Transport,
  listener: Listener,
  timeoutMs: number,
  log: Log,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const closed = listener.close();
  transport.close();
  const finished = closed.then((): "finished" => "finished");
  const timedOut = new Promise<"timed out">((resolve) => {
    timer = setTimeout(() => resolve("timed out"), timeoutMs);
  });
  const outcome = await Promise.race([finished, timedOut]);
  clearTimeout(timer);
  if (outcome === "timed out") {
    log.warn({ timeoutMs }, "calls in flight were cut off");
  }
  transport.destroy();
  listener.destroy();
}

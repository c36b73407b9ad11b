// The life of a gRPC server: limits, listening, and a stop that loses no call in flight.
// Must not know what it serves, but for the services that answer when the database cannot.

import type {
  Http2Server,
  IncomingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
} from "node:http2";
import type { DescMethod } from "@bufbuild/protobuf";
import { Server, ServerCredentials, type ServerOptions, setLogger } from "@grpc/grpc-js";
import type { Admission } from "../access/access-control.ts";
import { createCallRate } from "../access/call-rate.ts";
import { DATABASE, HEALTH, REFLECTION } from "../access/method-policy.ts";
import { StoreError } from "../errors.ts";
import type { BeginTrace, CallMeter, OnFinished, UnknownCall } from "../handlers/finished-call.ts";
import type { Service } from "../handlers/handler.ts";
import type { Limits } from "../limits.ts";
import type { Log } from "../observe/log.ts";
import { adaptService, methodPath } from "./adapter.ts";
import { type Place, parseAddress } from "./address.ts";
import { createAnswerMemory } from "./answer-memory.ts";
import { type Listener, listen } from "./listener.ts";
import { createOpenStreams } from "./open-streams.ts";
import { createPeers } from "./peers.ts";
import { type CountRefusal, createRefusalCounts, type RefusingLimit } from "./refusal-counts.ts";
import { createRetryPace, type RetryPace } from "./retry-pace.ts";
import { surviveStrayErrors } from "./stray-errors.ts";
import { limitStreams, type StreamWatch } from "./stream-limits.ts";
import { limitWaits } from "./stream-timeouts.ts";
import { limitTimeouts } from "./timeout.ts";

/** What a server is started with. */
export interface ServerConfig extends Place {
  readonly services: readonly Service[];
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
  routeLibraryLog(log);
  const openStreams = createOpenStreams();
  const refusals = createRefusalCounts();
  const pace = createRetryPace();
  const answers = createAnswerMemory(limits, refusals.count);
  const callRate = createCallRate(limits, () => refusals.count("callsPerSecond"));
  const server = new Server(serverOptions(limits));
  for (const service of services) {
    const isOpen = service.desc.typeName === HEALTH;
    const closed = UNGATED_SERVICES.has(service.desc.typeName) ? undefined : config.gate;
    const { definition, implementation } = adaptService(service, {
      log,
      errorDomain,
      pace,
      countRefusal: refusals.count,
      openStreams,
      gate: { admissionTo: config.admissionTo, callRate: isOpen ? undefined : callRate, closed },
      answers,
      onFinished: config.onFinished,
      meterOf: config.meterOf,
      traceOf: config.traceOf,
    });
    server.addService(definition, implementation);
  }
  const listener = await listenWith(server, config, refusals.count, pace);
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
    await shutDown(server, listener, limits.shutdownTimeoutMs, log);
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

/** Channelz stays on, though it is not served: without it forceShutdown closes no connection. */
function serverOptions(limits: Limits): ServerOptions {
  return {
    "grpc.max_receive_message_length": limits.receiveMessageBytes,
    "grpc.max_send_message_length": limits.sendMessageBytes,
    "grpc.max_concurrent_streams": limits.concurrentStreams,
    "grpc.keepalive_time_ms": limits.keepaliveTimeMs,
    "grpc.keepalive_timeout_ms": limits.keepaliveTimeoutMs,
    "grpc.max_connection_idle_ms": limits.connectionIdleMs,
    "grpc.max_connection_age_ms": limits.connectionAgeMs,
    "grpc.max_connection_age_grace_ms": limits.connectionAgeGraceMs,
  };
}

/** Has the connections of a listener served. */
async function listenWith(
  server: Server,
  config: ServerConfig,
  countRefusal: CountRefusal,
  pace: RetryPace,
): Promise<Listener> {
  const { services, limits, errorDomain } = config;
  const { onUnknown } = config;
  const methods = services.flatMap(({ handlers }) => handlers.map(({ method }) => method));
  const kinds = new Map(methods.map((method) => [methodPath(method), method.methodKind]));
  // What comes is encrypted, or not, by the listener.
  const peers = createPeers();
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  for (const http2Server of http2ServersOf(server)) {
    limitTimeouts(http2Server);
    const watch = limitWaits(http2Server, limits, (path) => kinds.get(path), countRefusal);
    const { onClosed } = watch;
    const onCall: StreamWatch["onCall"] = (stream, path, headers) => {
      watch.onCall(stream, path, headers);
      // grpc-js answers them by itself.
      if (onUnknown && !kinds.has(path)) onUnknown(unknownCall(stream, path, headers));
    };
    const limiting = { limits, errorDomain, countRefusal, peers, pace };
    limitStreams(http2Server, { ...limiting, watch: { onCall, onClosed } });
    limitSetup(http2Server, limits.connectionSetupTimeoutMs, countRefusal);
  }
  try {
    return await listen({
      ...config,
      countRefusal,
      peers,
      onConnection: (socket) => injector.injectConnection(socket),
    });
  } catch (error) {
    server.forceShutdown();
    throw error;
  }
}

function unknownCall(
  { session }: ServerHttp2Stream,
  path: string,
  headers: IncomingHttpHeaders,
): UnknownCall {
  return {
    path,
    get peer() {
      const { remoteAddress, remotePort } = session?.socket ?? {};
      return remoteAddress === undefined ? "unix:" : `${remoteAddress}:${remotePort}`;
    },
    authority: headers[":authority"] ?? "",
    metadata: (key) => [headers[key] ?? []].flat(),
  };
}

/** grpc-js gives nobody else a look at a call before it has read its headers. */
function http2ServersOf(server: Server): readonly Http2Server[] {
  return [...(Reflect.get(server, "http2Servers") as ReadonlyMap<Http2Server, unknown>).keys()];
}

/** Ends connections that say nothing: a client sends its settings at once. */
function limitSetup(server: Http2Server, timeoutMs: number, countRefusal: CountRefusal): void {
  server.on("session", (session: ServerHttp2Session) => {
    const timer = setTimeout(() => {
      countRefusal("connectionSetupTimeoutMs");
      session.destroy();
    }, timeoutMs).unref();
    const clear = () => clearTimeout(timer);
    session.once("remoteSettings", clear).once("close", clear);
  });
}

/** Lets calls in flight finish, for at most `timeoutMs`. */
async function shutDown(
  server: Server,
  listener: Listener,
  timeoutMs: number,
  log: Log,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  // grpc-js asks the connections to end, and does not wait for those that it was given.
  const closed = listener.close();
  server.tryShutdown(() => {});
  const finished = closed.then((): "finished" => "finished");
  const timedOut = new Promise<"timed out">((resolve) => {
    timer = setTimeout(() => resolve("timed out"), timeoutMs);
  });
  const outcome = await Promise.race([finished, timedOut]);
  clearTimeout(timer);
  if (outcome === "timed out") {
    log.warn({ timeoutMs }, "calls in flight were cut off");
  }
  server.forceShutdown();
  listener.destroy();
}

/** What grpc-js would print to the console goes into the log; its errors reach us by themselves. */
function routeLibraryLog(log: Log): void {
  const write = (...values: unknown[]) => log.debug({ library: "grpc-js" }, values.join(" "));
  setLogger({ error: write, info: write, debug: write });
}

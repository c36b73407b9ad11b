// Serves connections by grpc-js: its options, and what is put before it that it does not do itself.
// Must not know handlers: it is given what answers the calls of each method.

import type {
  Http2Server,
  IncomingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
} from "node:http2";
import { Server, ServerCredentials, type ServerOptions, setLogger } from "@grpc/grpc-js";
import type { UnknownCall } from "../handlers/finished-call.ts";
import type { Limits } from "../limits.ts";
import type { Log } from "../observe/log.ts";
import { adaptMethods } from "./adapter.ts";
import { methodPath } from "./answer.ts";
import type { CountRefusal } from "./refusal-counts.ts";
import { limitStreams, type StreamWatch } from "./stream-limits.ts";
import { limitWaits } from "./stream-timeouts.ts";
import { limitTimeouts } from "./timeout.ts";
import type { Transport, TransportConfig } from "./transport.ts";

/** Serves by grpc-js. */
export function createLibraryTransport(config: TransportConfig): Transport {
  const { methods, limits, log } = config;
  routeLibraryLog(log);
  const server = new Server(serverOptions(limits));
  // It refuses to have none.
  if (methods.length > 0) server.addService(...adaptMethods(methods));
  const kinds = new Map(
    methods.map(({ handler }) => [methodPath(handler.method), handler.method.methodKind]),
  );
  // What comes is encrypted, or not, by the listener.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  for (const http2Server of http2ServersOf(server)) limitServer(http2Server, config, kinds);
  return {
    serve: (socket) => injector.injectConnection(socket),
    // grpc-js asks the connections to end, and does not wait for those that it was given.
    close: () => server.tryShutdown(() => {}),
    destroy: () => server.forceShutdown(),
  };
}

type Kinds = ReadonlyMap<string, TransportConfig["methods"][number]["handler"]["kind"]>;

function limitServer(server: Http2Server, config: TransportConfig, kinds: Kinds): void {
  const { limits, errorDomain, countRefusal, peers, pace, onUnknown } = config;
  limitTimeouts(server);
  const watch = limitWaits(server, limits, (path) => kinds.get(path), countRefusal);
  const { onClosed } = watch;
  const onCall: StreamWatch["onCall"] = (stream, path, headers) => {
    watch.onCall(stream, path, headers);
    // grpc-js answers them by itself.
    if (onUnknown && !kinds.has(path)) onUnknown(unknownCall(stream, path, headers));
  };
  const limiting = { limits, errorDomain, countRefusal, peers, pace };
  limitStreams(server, { ...limiting, watch: { onCall, onClosed } });
  limitSetup(server, limits.connectionSetupTimeoutMs, countRefusal);
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

/** What grpc-js would print to the console goes into the log; its errors reach us by themselves. */
function routeLibraryLog(log: Log): void {
  const write = (...values: unknown[]) => log.debug({ library: "grpc-js" }, values.join(" "));
  setLogger({ error: write, info: write, debug: write });
}

// Where connections come in: binds an address, does TLS, and keeps connections to their number.
// Must not know HTTP/2: it hands sockets on.

import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { TlsConfig } from "../config.ts";
import type { Limits } from "../limits.ts";
import type { Log } from "../observe/log.ts";
import { type Address, isPublic, listenError, type Place, resolvePlaces } from "./address.ts";
import type { Peers } from "./peers.ts";
import type { CountRefusal } from "./refusal-counts.ts";
import { readTls, watchTls } from "./tls.ts";

/** What a listener is made of. */
export interface ListenerConfig extends Place {
  readonly limits: Pick<
    Limits,
    "connectionsMax" | "connectionsPerPeerMax" | "connectionSetupTimeoutMs"
  >;
  readonly log: Log;
  readonly countRefusal: CountRefusal;
  readonly peers: Peers;
  /** Takes a connection that is let in; with TLS, after its handshake. */
  readonly onConnection: (socket: Socket) => void;
}

/** What listens at an address. */
export interface Listener {
  /** Means nothing if the address is a socket's. */
  readonly port: number;
  /** Whether other machines can connect. */
  readonly isPublic: boolean;
  /** Takes no new connections; resolves when those that there are have ended. */
  close(): Promise<void>;
  /** Cuts off what is still connected. */
  destroy(): void;
}

/**
 * Listens; at every address of a host that has several, of which one is enough.
 * @throws StoreError INVALID_CONFIG
 */
export async function listen(config: ListenerConfig): Promise<Listener> {
  const { address, tls } = config;
  const connections = limitConnections(config);
  const makeServer = tls
    ? secureServers(tls, config)
    : () => createServer((socket) => !socket.destroyed && config.onConnection(socket));
  const servers: Server[] = [];
  let port = 0;
  let failure: unknown;
  const places = await resolvePlaces(config);
  for (const place of places) {
    const server = makeServer();
    server.prependListener("connection", connections.add);
    try {
      // All addresses of a host have the port that the system has chosen for the first.
      await bind(server, "port" in place && place.port === 0 ? { ...place, port } : place);
    } catch (error) {
      server.close();
      failure ??= error;
      continue;
    }
    servers.push(server);
    const bound = server.address();
    if (typeof bound === "object" && bound !== null) port = bound.port;
  }
  if (servers.length === 0) throw listenError(address, failure);
  return {
    port,
    isPublic: places.some(isPublic),
    async close() {
      const closed = servers.map((server) => once(server, "close"));
      for (const server of servers) server.close();
      await Promise.all(closed);
    },
    destroy: connections.destroy,
  };
}

async function bind(server: Server, address: Address): Promise<void> {
  await once(server.listen(address), "listening");
}

/** Makes servers that do TLS, each with the newest certificates for as long as it is open. */
function secureServers(tls: TlsConfig, { limits, log, onConnection }: ListenerConfig) {
  const options = {
    ALPNProtocols: ["h2"],
    handshakeTimeout: limits.connectionSetupTimeoutMs,
    requestCert: tls.clientCa !== undefined,
    rejectUnauthorized: true,
  };
  return (): Server => {
    const server = createTlsServer({ ...options, ...readTls(tls) }, onConnection);
    server.on("tlsClientError", (error, socket) => {
      log.debug({ err: error, peer: socket.remoteAddress }, "a TLS handshake failed");
    });
    const unwatch = watchTls(tls, (context) => server.setSecureContext(context), log);
    server.once("close", unwatch);
    return server;
  };
}

function limitConnections({ limits, countRefusal, peers }: ListenerConfig) {
  const sockets = new Set<Socket>();
  return {
    /** Closes the connection if it is one too many. */
    add(socket: Socket): void {
      const peer = peers.at(socket.remoteAddress);
      const isOneTooMany = sockets.size >= limits.connectionsMax;
      if (isOneTooMany || peer.connections >= limits.connectionsPerPeerMax) {
        peers.forget(peer);
        countRefusal(isOneTooMany ? "connectionsMax" : "connectionsPerPeerMax");
        socket.destroy();
        return;
      }
      sockets.add(socket);
      peer.connections += 1;
      socket.once("close", () => {
        sockets.delete(socket);
        peer.connections -= 1;
        peers.forget(peer);
      });
    },
    destroy(): void {
      for (const socket of sockets) socket.destroy();
    },
  };
}

// A server that knows nothing of gRPC: it answers each request with 200 and what it was sent, or a line if that was
// nothing.

import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { Connection } from "../../src/http2/connection.ts";
import { encodeFields } from "../../src/http2/hpack/encoder.ts";
import type { ConnectionLimits } from "../../src/http2/limits.ts";
import type { Request } from "../../src/http2/request.ts";
import type { Http2Stream } from "../../src/http2/stream.ts";

const OK = encodeFields([
  [":status", "200"],
  ["content-type", "text/plain"],
]);
const TOO_LARGE = encodeFields([[":status", "431"]]);
const TRAILERS = encodeFields([["x-done", "yes"]]);
const LINE = Buffer.from("hello\n");
const LOOK_AFTER_MS = 20;
const NOTHING = Buffer.alloc(0);

/** Limits that no test reaches unless it means to. */
export const LIMITS: ConnectionLimits = {
  concurrentStreams: 100,
  headerListBytes: 16 * 1024,
  earlyEnds: { burst: 1_000, perSecond: 33 },
  idleFrames: { burst: 2_000, perSecond: 500 },
  setupTimeoutMs: 10_000,
  keepaliveTimeMs: 20_000,
  keepaliveTimeoutMs: 10_000,
  idleMs: 300_000,
  ageMs: 3_600_000,
  ageGraceMs: 30_000,
};

/** What a server has seen. */
export interface EchoServer {
  readonly server: Server;
  readonly port: number;
  readonly connections: ReadonlySet<Connection<Request>>;
  readonly abuses: string[];
  readonly failures: unknown[];
  close(): void;
}

/** Listens on a free port. */
export async function startEchoServer(
  limits: Partial<ConnectionLimits> = {},
  onRequest: (stream: Http2Stream, request: Request) => void = echo,
): Promise<EchoServer> {
  const connections = new Set<Connection<Request>>();
  const abuses: string[] = [];
  const failures: unknown[] = [];
  const server = createServer((socket) => {
    const connection: Connection<Request> = new Connection<Request>(socket, {
      handler: {
        readHead: (request) => request,
        onRequest,
        onTooLarge: (stream) => stream.end(TOO_LARGE),
      },
      limits: { ...LIMITS, ...limits },
      onAbuse: (what) => abuses.push(what),
      onFailure: (error) => failures.push(error),
      onClose: () => connections.delete(connection),
    });
    connections.add(connection);
  });
  const timer = setInterval(() => {
    for (const connection of connections) connection.look(performance.now());
  }, LOOK_AFTER_MS);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return {
    server,
    port,
    connections,
    abuses,
    failures,
    close() {
      server.close();
      clearInterval(timer);
      for (const { socket } of connections) socket.destroy();
    },
  };
}

function echo(stream: Http2Stream): void {
  const chunks: Buffer[] = [];
  stream.listener = {
    onData(bytes, start, end) {
      chunks.push(Buffer.from(bytes.subarray(start, end)));
      stream.give(end - start);
    },
    onEnd() {
      const body = chunks.length === 0 ? LINE : Buffer.concat(chunks);
      stream.respond(OK, NOTHING, body, TRAILERS);
    },
    onRoom() {},
    onClose() {},
  };
}

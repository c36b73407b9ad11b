// Answers figures and probes over HTTP: /metrics, /livez, /readyz.
// Must write nothing, and tell nothing of what is stored.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { listen } from "../grpc/listener.ts";
import { createPeers } from "../grpc/peers.ts";
import type { Log } from "../observe/log.ts";
import type { Family } from "./families.ts";

/** Who answers: one process, or several as one. */
export interface Answering {
  isReady(): boolean | Promise<boolean>;
  /** The figures of each process. */
  families(): Promise<readonly (readonly Family[])[]>;
}

/** A server that listens. */
export interface MetricsServer {
  /** Means nothing if the address is a socket's. */
  readonly port: number;
  /** Until then it is alive and not ready. */
  use(answering: Answering): void;
  close(): void;
}

/** Where it listens. */
export interface MetricsPlace {
  readonly metricsAddress: string;
  readonly insecure?: boolean;
}

const REMEDY = "figures and probes are told without TLS; give --insecure if that is meant";

/** Of probes and scrapers there are few. */
const LIMITS = { connectionsMax: 64, connectionsPerPeerMax: 64, connectionSetupTimeoutMs: 10_000 };
const REQUEST_TIMEOUT_MS = 10_000;
const HEADER_BYTES = 8 * 1024;

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly type?: string;
}

const NOT_READY: Answer = { status: 503, text: "not ready\n" };

/**
 * Listens.
 * @throws StoreError INVALID_CONFIG if it cannot, or if other machines could connect and that is not said
 * to be meant.
 */
export async function startMetricsServer(
  { metricsAddress, insecure = false }: MetricsPlace,
  log: Log,
): Promise<MetricsServer> {
  let answering: Answering | undefined;
  let scrape: Promise<Answer> | undefined;

  async function answer(path: string): Promise<Answer> {
    switch (path) {
      case "/livez":
        return { status: 200, text: "alive\n" };
      case "/readyz":
        return (await answering?.isReady()) ? { status: 200, text: "ready\n" } : NOT_READY;
      case "/metrics":
        if (!answering) return NOT_READY;
        // Those who ask at the same time are told the same.
        scrape ??= expose(answering).finally(() => {
          scrape = undefined;
        });
        return scrape;
      default:
        return { status: 404, text: "there are /metrics, /livez and /readyz\n" };
    }
  }

  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: HEADER_BYTES },
    (request, response) => {
      if (request.method !== "GET" && request.method !== "HEAD") {
        send(request, response, { status: 405, text: "GET only\n" });
        return;
      }
      const path = request.url?.split("?", 1)[0] ?? "";
      answer(path).then(
        (found) => send(request, response, found),
        (err: unknown) => {
          log.error({ err }, "the figures cannot be told");
          send(request, response, { status: 500, text: "internal error\n" });
        },
      );
    },
  );
  const listener = await listen({
    address: metricsAddress,
    insecure,
    remedy: REMEDY,
    limits: LIMITS,
    log,
    countRefusal: () => {},
    peers: createPeers(),
    onConnection: (socket) => void server.emit("connection", socket),
  });
  log.info({ address: metricsAddress, port: listener.port }, "telling figures and health");
  return {
    port: listener.port,
    use(found) {
      answering = found;
    },
    close() {
      void listener.close();
      listener.destroy();
    },
  };
}

async function expose(answering: Answering): Promise<Answer> {
  const { expose: toText, CONTENT_TYPE } = await import("./exposition.ts");
  return { status: 200, text: await toText(await answering.families()), type: CONTENT_TYPE };
}

function send(
  { method }: IncomingMessage,
  response: ServerResponse,
  { status, text, type = "text/plain; charset=utf-8" }: Answer,
): void {
  response.writeHead(status, {
    "content-type": type,
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  response.end(method === "HEAD" ? undefined : text);
}

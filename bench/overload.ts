// Keeps a number of calls in flight over connections of several hosts, by plain HTTP/2: cheaper than a gRPC
// client, so that the server is what is full. Who is refused comes again when it was told to.

import { type ClientHttp2Session, connect } from "node:http2";
import { connect as connectTcp } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack, durationMs } from "@bufbuild/protobuf/wkt";
import { RetryInfoSchema } from "../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../gen/google/rpc/status_pb.ts";

/** A call, as it goes over the wire. */
export interface RawCall {
  readonly path: string;
  readonly message: Uint8Array;
}

/** What has come of the calls. */
export interface LoadFigures {
  /** How long those that were answered took, in milliseconds. */
  readonly okMs: readonly number[];
  /** How long those that were refused with RetryInfo took. */
  readonly refusedMs: readonly number[];
  /** Anything else, and how often. */
  readonly others: ReadonlyMap<string, number>;
  /** Answers in a second. */
  readonly perSecond: number;
}

const STREAMS = 100;
const OK = "0";
const RESOURCE_EXHAUSTED = "8";

/** A session from an address of this machine. */
export function openSession(port: number, from: string): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`, {
    createConnection: () => connectTcp({ host: "127.0.0.1", port, localAddress: from }),
  });
  session.on("error", () => {});
  session.setMaxListeners(0);
  return session;
}

/** The bytes of one message of a stream. */
export function frameMessage(message: Uint8Array, isCompressed = false): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(isCompressed ? 1 : 0);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Opens a call without sending anything but its headers. */
export function openStream(session: ClientHttp2Session, path: string, more = {}) {
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    ...more,
  });
  stream.on("error", () => {});
  return stream;
}

/** Keeps `inFlight` calls in flight for a while; the first second, in which they begin, does not count. */
export async function keepInFlight(
  port: number,
  hosts: readonly string[],
  inFlight: number,
  seconds: number,
  { path, message }: RawCall,
): Promise<LoadFigures> {
  const okMs: number[] = [];
  const refusedMs: number[] = [];
  const others = new Map<string, number>();
  const body = frameMessage(message);
  const sessions = Array.from({ length: Math.ceil(inFlight / STREAMS) }, (_, index) =>
    openSession(port, hosts[index % hosts.length] ?? "127.0.0.2"),
  );
  const startMs = performance.now();
  const [fromMs, untilMs] = [startMs + 1_000, startMs + 1_000 * (seconds + 1)];

  async function repeat(session: ClientHttp2Session): Promise<void> {
    while (performance.now() < untilMs && !session.destroyed) {
      const beganMs = performance.now();
      const { status, retryMs } = await callOnce(session, path, body);
      const endedMs = performance.now();
      const counts = endedMs >= fromMs && endedMs < untilMs;
      if (status === OK) {
        if (counts) okMs.push(endedMs - beganMs);
        continue;
      }
      const isRefused = status === RESOURCE_EXHAUSTED && retryMs !== undefined;
      if (counts && isRefused) refusedMs.push(endedMs - beganMs);
      if (counts && !isRefused) others.set(status, (others.get(status) ?? 0) + 1);
      await sleep(retryMs ?? 100);
    }
  }

  const slots = Array.from({ length: inFlight }, (_, index) => sessions[index % sessions.length]);
  await Promise.all(slots.map((session) => session && repeat(session)));
  for (const session of sessions) session.destroy();
  return { okMs, refusedMs, others, perSecond: okMs.length / seconds };
}

/** The gRPC status of a call, and when it may come again, if it is told. */
function callOnce(
  session: ClientHttp2Session,
  path: string,
  body: Buffer,
): Promise<{ status: string; retryMs?: number | undefined }> {
  return new Promise((resolve) => {
    const stream = openStream(session, path);
    let status = "none";
    let details: string | undefined;
    const look = (headers: Record<string, unknown>) => {
      status = String(headers["grpc-status"] ?? status);
      details = (headers["grpc-status-details-bin"] as string | undefined) ?? details;
    };
    stream.on("response", look).on("trailers", look).resume();
    stream.once("close", () => {
      const known = status === "none" ? `reset ${stream.rstCode}` : status;
      resolve({ status: known, retryMs: retryDelayMs(details) });
    });
    stream.end(body);
  });
}

function retryDelayMs(details: string | undefined): number | undefined {
  if (details === undefined) return undefined;
  const { details: all } = fromBinary(StatusSchema, Buffer.from(details, "base64"));
  for (const any of all) {
    const info = anyUnpack(any, RetryInfoSchema);
    if (info?.retryDelay) return durationMs(info.retryDelay);
  }
  return undefined;
}

// HTTP/2 by hand: the frames of a client that keeps to no rule, over a socket of its own.
// Reads what comes back only to count it; must not become a client.

import { connect, type Socket } from "node:net";

/** The types of frames (RFC 9113). */
export const FRAME = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const END_STREAM = 1;
export const END_HEADERS = 4;
export const ACK = 1;
/** The largest payload that a server takes unless it says otherwise. */
export const FRAME_BYTES = 16_384;

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** A frame of `stream`. */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Headers as HPACK has them, each in full. */
export function headerBlock(headers: Readonly<Record<string, string>>): Buffer {
  const parts = Object.entries(headers).flatMap(([name, value]) => [
    Buffer.of(0),
    lengthOf(name),
    Buffer.from(name, "latin1"),
    lengthOf(value),
    Buffer.from(value, "latin1"),
  ]);
  return Buffer.concat(parts);
}

/** An integer with a prefix of seven bits. */
function lengthOf(text: string): Buffer {
  if (text.length < 127) return Buffer.of(text.length);
  const bytes = [127];
  let rest = text.length - 127;
  for (; rest >= 128; rest >>= 7) bytes.push((rest & 127) | 128);
  return Buffer.from([...bytes, rest]);
}

/** The headers of a call. */
export function callHeaders(path: string, more: Readonly<Record<string, string>> = {}): Buffer {
  return headerBlock({
    ":method": "POST",
    ":scheme": "http",
    ":path": path,
    ":authority": "abuse",
    "content-type": "application/grpc",
    te: "trailers",
    ...more,
  });
}

/** HEADERS, and as many CONTINUATIONs as the block needs. */
export function headerFrames(stream: number, block: Buffer, flags = 0): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < block.length; at += FRAME_BYTES) {
    const payload = block.subarray(at, at + FRAME_BYTES);
    const last = at + FRAME_BYTES >= block.length ? END_HEADERS : 0;
    const first = at === 0;
    const type = first ? FRAME.headers : FRAME.continuation;
    parts.push(frame(type, last | (first ? flags : 0), stream, payload));
  }
  return Buffer.concat(parts);
}

/** A connection that frames are written to. */
export interface RawConnection {
  readonly socket: Socket;
  /** How many frames of a type the server has sent. */
  received(type: number): number;
  /** Resolves when the system has taken the bytes, or the connection is closed. */
  write(bytes: Buffer): Promise<void>;
  readonly isClosed: boolean;
}

/** Connects from an address of this machine, and says hello. */
export async function openRaw(
  port: number,
  from: string,
  settings: Buffer = Buffer.alloc(0),
): Promise<RawConnection> {
  const socket = await openSocket(port, from);
  const counts = new Map<number, number>();
  let rest: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 9) {
      const end = 9 + rest.readUIntBE(0, 3);
      if (rest.length < end) break;
      const type = rest.readUInt8(3);
      counts.set(type, (counts.get(type) ?? 0) + 1);
      rest = rest.subarray(end);
    }
  });
  socket.write(Buffer.concat([PREFACE, frame(FRAME.settings, 0, 0, settings)]));
  return {
    socket,
    received: (type) => counts.get(type) ?? 0,
    write(bytes) {
      if (socket.closed || socket.destroyed) return Promise.resolve();
      return new Promise((resolve) => {
        socket.once("close", resolve);
        socket.write(bytes, () => {
          socket.off("close", resolve);
          resolve();
        });
      });
    },
    get isClosed() {
      return socket.destroyed;
    },
  };
}

/** A connection on which nothing is said; resolves when it stands. */
export function openSocket(port: number, from: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, localAddress: from, noDelay: true });
    socket.once("connect", () => resolve(socket)).once("error", reject);
    // What comes later is the server's answer to what is done here.
    socket.on("error", () => {});
  });
}

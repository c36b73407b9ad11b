// A client that sends whatever frames it is told to, and keeps what comes.
// Must know no rules: it is there to break them.

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { encodeFields, type Field } from "../../src/http2/hpack/encoder.ts";
import { FrameType } from "../../src/http2/protocol.ts";

/** A frame that has come. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

/** The bytes of a frame. */
export function frame(type: number, flags: number, id: number, payload: Uint8Array = NONE): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id >>> 0, 5);
  return Buffer.concat([head, payload]);
}

const NONE = Buffer.alloc(0);

/** Four bytes with a number in them. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

/** The payload of SETTINGS. */
export function settings(...pairs: (readonly [id: number, value: number])[]): Buffer {
  const parts = pairs.map(([id, value]) => {
    const bytes = Buffer.alloc(6);
    bytes.writeUInt16BE(id);
    bytes.writeUInt32BE(value >>> 0, 2);
    return bytes;
  });
  return Buffer.concat(parts);
}

/** The header block of a request. */
export function requestBlock(...more: Field[]): Buffer {
  return encodeFields([
    [":method", "POST"],
    [":scheme", "http"],
    [":path", "/"],
    [":authority", "localhost"],
    ...more,
  ]);
}

/** What a client says first. */
export const GREETING: Buffer = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  frame(FrameType.SETTINGS, 0, 0),
]);

/** The client. */
export interface RawClient {
  readonly socket: Socket;
  readonly frames: readonly Frame[];
  readonly isClosed: boolean;
  /** Whether the socket takes more now. */
  send(...frames: Uint8Array[]): boolean;
  /** The code of the last GOAWAY that has come. */
  goAwayCode(): number | undefined;
  /** Resolves when there is such a frame, or the connection is over. */
  until(matches: (frame: Frame) => boolean): Promise<Frame | undefined>;
  /** Resolves when the server has ended the connection. */
  closed(): Promise<void>;
  /** Resolves when the socket has taken what was sent, or the connection is over. */
  taken(): Promise<void>;
}

/** Connects; `greeting` is what is said first. */
export async function connectRaw(
  port: number,
  greeting: Uint8Array = GREETING,
): Promise<RawClient> {
  // It goes on to send though nobody listens any more.
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  socket.setNoDelay(true);
  await once(socket, "connect");
  const frames: Frame[] = [];
  let rest: Buffer = NONE;
  let [isClosed, isEnded] = [false, false];
  let waiting: (() => void)[] = [];
  const onChange = () => {
    const told = waiting;
    waiting = [];
    for (const resolve of told) resolve();
  };
  socket.on("data", (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let end = endOf(rest); end <= rest.length; end = endOf(rest)) {
      const [type = 0, flags = 0] = [rest[3], rest[4]];
      const payload = Buffer.from(rest.subarray(9, end));
      frames.push({ type, flags, id: rest.readUInt32BE(5), payload });
      rest = rest.subarray(end);
    }
    onChange();
  });
  socket.on("error", () => {});
  socket.on("drain", onChange);
  socket.on("end", () => {
    isEnded = true;
    onChange();
  });
  socket.on("close", () => {
    isClosed = true;
    onChange();
  });
  socket.write(greeting);
  const wait = () =>
    new Promise<void>((resolve) => {
      waiting.push(resolve);
    });
  return {
    socket,
    frames,
    get isClosed() {
      return isClosed;
    },
    send: (...parts) => socket.write(Buffer.concat(parts)),
    goAwayCode: () => frames.findLast(({ type }) => type === 7)?.payload.readUInt32BE(4),
    async until(matches) {
      for (;;) {
        const found = frames.find(matches);
        if (found || isClosed || isEnded) return found;
        await wait();
      }
    },
    async taken() {
      while (!isClosed && socket.writableNeedDrain) await wait();
    },
    async closed() {
      while (!isClosed && !isEnded) await wait();
      socket.destroy();
    },
  };
}

function endOf(bytes: Buffer): number {
  return bytes.length < 9 ? Number.POSITIVE_INFINITY : 9 + bytes.readUIntBE(0, 3);
}

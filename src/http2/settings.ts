// The settings of both sides, RFC 9113 section 6.5.
// Must not act on them: it says what they are.

import { ConnectionError } from "./connection-error.ts";
import {
  ErrorCode,
  FRAME_BYTES_CEILING,
  FRAME_BYTES_MAX,
  HEADER_TABLE_BYTES,
  SETTING_BYTES,
  Setting,
  WINDOW_BYTES,
  WINDOW_BYTES_MAX,
} from "./protocol.ts";

/** What a client has set, as far as it matters for a server that pushes nothing. */
export interface PeerSettings {
  /** How much each stream may send at first. */
  windowBytes: number;
  /** The largest table that we may have it keep. */
  headerTableBytes: number;
}

/** What holds until a client says otherwise. */
export function initialSettings(): PeerSettings {
  return { windowBytes: WINDOW_BYTES, headerTableBytes: HEADER_TABLE_BYTES };
}

/** Takes what a SETTINGS frame says, in its order. @throws ConnectionError */
export function readSettings(into: PeerSettings, bytes: Buffer, start: number, end: number): void {
  for (let at = start; at < end; at += SETTING_BYTES) {
    const value = bytes.readUInt32BE(at + 2);
    switch (bytes.readUInt16BE(at)) {
      case Setting.HEADER_TABLE_SIZE:
        into.headerTableBytes = Math.min(into.headerTableBytes, value);
        break;
      case Setting.ENABLE_PUSH:
        if (value > 1) throw bad("ENABLE_PUSH is neither 0 nor 1");
        break;
      case Setting.INITIAL_WINDOW_SIZE:
        if (value > WINDOW_BYTES_MAX) {
          const message = "a window would be larger than it may be";
          throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, message);
        }
        into.windowBytes = value;
        break;
      case Setting.MAX_FRAME_SIZE:
        if (value < FRAME_BYTES_MAX || value > FRAME_BYTES_CEILING) {
          throw bad("MAX_FRAME_SIZE is out of its range");
        }
    }
  }
}

/** The payload of a SETTINGS frame. */
export function writeSettings(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(settings.length * SETTING_BYTES);
  for (const [index, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, index * SETTING_BYTES);
    payload.writeUInt32BE(value, index * SETTING_BYTES + 2);
  }
  return payload;
}

function bad(message: string): ConnectionError {
  return new ConnectionError(ErrorCode.PROTOCOL_ERROR, message);
}

// Where in the payload of a frame its content is: RFC 9113 sections 6.1 and 6.2, padding and priority.
// Must not know streams.

import { ConnectionError } from "./connection-error.ts";
import { ErrorCode, Flag, FrameType, PRIORITY_BYTES } from "./protocol.ts";

/** Where the content ends; it has no padding unless the flags say so. */
export function contentEnd(flags: number, bytes: Buffer, start: number, end: number): number {
  if (!(flags & Flag.PADDED)) return end;
  if (start >= end) throw tooShort();
  return end - (bytes[start] as number);
}

/** Where it begins. @throws ConnectionError PROTOCOL_ERROR if the padding is as long as all of the payload. */
export function contentStart(type: number, flags: number, start: number, end: number): number {
  const padding = flags & Flag.PADDED ? 1 : 0;
  const priority = type === FrameType.HEADERS && flags & Flag.PRIORITY ? PRIORITY_BYTES : 0;
  const content = start + padding + priority;
  if (content <= end) return content;
  throw priority > 0
    ? tooShort()
    : new ConnectionError(ErrorCode.PROTOCOL_ERROR, "too much padding");
}

/** The stream that a priority, which is not heeded otherwise, depends on (RFC 7540 section 5.3.1). */
export function dependencyAt(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) & 0x7fff_ffff;
}

function tooShort(): ConnectionError {
  return new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "a frame is too short");
}

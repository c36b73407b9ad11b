// What a connection ends with that its peer has broken the protocol on, or has asked too much of.
// Must not be used for what concerns one stream.

import { ErrorCode } from "./protocol.ts";

/** What a peer asks too much by. */
export type Abuse =
  | "silence"
  | "idle frames"
  | "early ends"
  | "header blocks"
  | "too large headers"
  | "unread output";

/** An error of a connection, RFC 9113 section 5.4.1. */
export class ConnectionError extends Error {
  readonly code: ErrorCode;
  readonly abuse: Abuse | undefined;

  constructor(code: ErrorCode, message: string, abuse?: Abuse) {
    super(message);
    this.name = "ConnectionError";
    this.code = code;
    this.abuse = abuse;
  }
}

/** RFC 9113 section 7, ENHANCE_YOUR_CALM: the peer asks too much. */
export function tooMuch(abuse: Abuse, message: string): ConnectionError {
  return new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, message, abuse);
}

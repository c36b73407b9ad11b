// What a connection may take of the server, each limit with its unit and where the protocol speaks of it.
// RFC 9113 section 10.5 asks for them and leaves their values open.

import type { Rate } from "./budget.ts";

/** The limits that whoever serves sets. */
export interface ConnectionLimits {
  /** Section 5.1.2: the most streams at a time; one more is refused. */
  readonly concurrentStreams: number;
  /** Section 10.5.1: the most bytes of a list of fields, as section 6.5.2 counts them; of one more, not all is kept. */
  readonly headerListBytes: number;
  /**
   * Streams that end before their time, by a reset of the client's or by one that it has made us send: section 10.5,
   * CVE-2023-44487, CVE-2025-8671.
   */
  readonly earlyEnds: Rate;
  /**
   * Frames that do no work: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, CONTINUATION, empty DATA, resets of what is
   * over, frames of unknown types: section 10.5, CVE-2019-9511 to 9518, CVE-2024-27316.
   */
  readonly idleFrames: Rate;
  /** How long a connection may take to its SETTINGS, and each header block to its end. */
  readonly setupTimeoutMs: number;
  /** Section 6.7: how long a connection is silent before it is asked whether it is still there. */
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
  /** Section 6.8: when a client is asked to go. */
  readonly idleMs: number;
  readonly ageMs: number;
  /** How long the streams of one that is too old may go on. */
  readonly ageGraceMs: number;
}

/** Section 6.9: what a stream may send before it is read, in bytes. */
export const STREAM_WINDOW_BYTES = 256 * 1024;
/** The same of a connection; it is given back as soon as it has come, as the streams' windows bound what is kept. */
export const CONNECTION_WINDOW_BYTES = 1024 * 1024;

/** Section 4.3: the most bytes of a header block, of HEADERS and CONTINUATION together. */
export const HEADER_BLOCK_BYTES = 128 * 1024;

/** Who reads what it is sent tells so: each DATA that goes out allows this many more of them. */
export const IDLE_FRAMES_PER_DATA = 4;

/** What is handed to a socket that does not take it, in bytes, beyond which DATA waits in its stream. */
export const SOCKET_BYTES_MAX = 256 * 1024;
/** And beyond which its peer makes us write what it does not read: acknowledgements, resets. */
export const SOCKET_BYTES_FLOOD = SOCKET_BYTES_MAX + 256 * 1024;

/** How many streams that we have reset are remembered, as frames for them may be on their way (section 5.1). */
export const RESET_STREAMS_MAX = 1_000;
/** How long after the first GOAWAY the last one is sent, if nobody answers the PING between (section 6.8). */
export const GOAWAY_PING_MS = 1_000;
/** How long a connection that has failed may take to read why. */
export const LAST_WORDS_MS = 250;

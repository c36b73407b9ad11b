// The numbers of HTTP/2, each with the section of RFC 9113 that it is from.
// Only numbers: what is done with them is elsewhere.

/** Section 4.1: each frame begins with so many bytes. */
export const FRAME_HEAD_BYTES = 9;

/** Section 6: the types of frames. */
export const FrameType = {
  DATA: 0x0,
  HEADERS: 0x1,
  PRIORITY: 0x2,
  RST_STREAM: 0x3,
  SETTINGS: 0x4,
  PUSH_PROMISE: 0x5,
  PING: 0x6,
  GOAWAY: 0x7,
  WINDOW_UPDATE: 0x8,
  CONTINUATION: 0x9,
} as const;

/** Section 6: the flags of frames, of which each type has some. */
export const Flag = {
  ACK: 0x1,
  END_STREAM: 0x1,
  END_HEADERS: 0x4,
  PADDED: 0x8,
  PRIORITY: 0x20,
} as const;

/** Section 6.5.2: the settings. */
export const Setting = {
  HEADER_TABLE_SIZE: 0x1,
  ENABLE_PUSH: 0x2,
  MAX_CONCURRENT_STREAMS: 0x3,
  INITIAL_WINDOW_SIZE: 0x4,
  MAX_FRAME_SIZE: 0x5,
  MAX_HEADER_LIST_SIZE: 0x6,
} as const;

/** Section 7: the codes of errors. */
export const ErrorCode = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  ENHANCE_YOUR_CALM: 0xb,
} as const;

/** A code of an error. */
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/** Section 6.5.2: the largest payload of a frame unless a setting allows more; ours allows no more. */
export const FRAME_BYTES_MAX = 16_384;
/** Section 6.5.2: the most that a setting may allow. */
export const FRAME_BYTES_CEILING = 16_777_215;
/** Section 6.9.2: the window of a stream and of a connection at first. */
export const WINDOW_BYTES = 65_535;
/** Section 6.9.1: the most that a window may become. */
export const WINDOW_BYTES_MAX = 0x7fff_ffff;
/** Section 5.1.1: the largest number of a stream. */
export const STREAM_ID_MAX = 0x7fff_ffff;
/** Section 6.5.2: the dynamic table of a decoder, in bytes, unless a setting says otherwise; ours says nothing. */
export const HEADER_TABLE_BYTES = 4_096;

/** Section 6.5: the bytes of a setting. */
export const SETTING_BYTES = 6;
/** Section 6.7: the payload of a PING. */
export const PING_BYTES = 8;
/** Section 6.3: the payload of a PRIORITY, and what a HEADERS with that flag has of it. */
export const PRIORITY_BYTES = 5;
/** Sections 6.4 and 6.9: the payload of a RST_STREAM and of a WINDOW_UPDATE. */
export const CODE_BYTES = 4;
/** Section 6.8: the least payload of a GOAWAY. */
export const GOAWAY_BYTES = 8;

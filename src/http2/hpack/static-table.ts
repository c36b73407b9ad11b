// The static table of HPACK, RFC 7541 appendix A.
// Only data: how it is pointed into is the decoder's.

const TABLE: readonly (readonly [name: string, value: string])[] = [
  [":authority", ""],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  [":status", "200"],
  [":status", "204"],
  [":status", "206"],
  [":status", "304"],
  [":status", "400"],
  [":status", "404"],
  [":status", "500"],
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
  ["accept-language", ""],
  ["accept-ranges", ""],
  ["accept", ""],
  ["access-control-allow-origin", ""],
  ["age", ""],
  ["allow", ""],
  ["authorization", ""],
  ["cache-control", ""],
  ["content-disposition", ""],
  ["content-encoding", ""],
  ["content-language", ""],
  ["content-length", ""],
  ["content-location", ""],
  ["content-range", ""],
  ["content-type", ""],
  ["cookie", ""],
  ["date", ""],
  ["etag", ""],
  ["expect", ""],
  ["expires", ""],
  ["from", ""],
  ["host", ""],
  ["if-match", ""],
  ["if-modified-since", ""],
  ["if-none-match", ""],
  ["if-range", ""],
  ["if-unmodified-since", ""],
  ["last-modified", ""],
  ["link", ""],
  ["location", ""],
  ["max-forwards", ""],
  ["proxy-authenticate", ""],
  ["proxy-authorization", ""],
  ["range", ""],
  ["referer", ""],
  ["refresh", ""],
  ["retry-after", ""],
  ["server", ""],
  ["set-cookie", ""],
  ["strict-transport-security", ""],
  ["transfer-encoding", ""],
  ["user-agent", ""],
  ["vary", ""],
  ["via", ""],
  ["www-authenticate", ""],
];

/** How many entries it has; the dynamic table's come after them. */
export const STATIC_ENTRIES = TABLE.length;

/** Its names and values by their index, which begins at 1. */
export const STATIC_NAMES: readonly string[] = ["", ...TABLE.map(([name]) => name)];
export const STATIC_VALUES: readonly string[] = ["", ...TABLE.map(([, value]) => value)];

/** The first index of each name. */
export const STATIC_INDEX_OF_NAME: ReadonlyMap<string, number> = new Map(
  TABLE.map(([name], index): [string, number] => [name, index + 1]).reverse(),
);

/** The index of each field that has a value there, by name and value with a colon between. */
export const STATIC_INDEX_OF_FIELD: ReadonlyMap<string, number> = new Map(
  TABLE.map(([name, value], index): [string, number] => [`${name}:${value}`, index + 1]).reverse(),
);

// What a request says in its fields, and whether it may: RFC 9113 sections 8.2 and 8.3.
// Must not know what any of it is for.

import type { FieldList } from "./hpack/decoder.ts";

/** A request that is well formed. */
export interface Request {
  readonly method: string;
  readonly path: string;
  readonly scheme: string;
  /** By which name the server is called: `:authority`, or else `host`. */
  readonly authority: string;
  /** Section 8.1.1: how many bytes come, if that is said. */
  readonly contentBytes: number | undefined;
  /** The other fields: each name with its value after it. */
  readonly fields: FieldList;
}

/**
 * Section 8.2.1: what a name and a value may be. White space at the ends of a value, which clients of gRPC do send, is
 * let through, as Node does.
 */
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const BAD_VALUE = /[\0\r\n]/;

/** Section 8.2.2: what is of a connection has no place in HTTP/2. */
const OF_CONNECTIONS: ReadonlySet<string> = new Set([
  "connection",
  "proxy-connection",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
]);

const PSEUDO: ReadonlySet<string> = new Set([":method", ":path", ":scheme", ":authority"]);

/** The request in the fields; undefined if it is malformed, section 8.1.1. */
export function readRequest(fields: FieldList): Request | undefined {
  const pseudo = new Map<string, string>();
  let [regular, host, content] = [0, "", ""];
  for (; (fields[regular] ?? "").startsWith(":"); regular += 2) {
    const [name = "", value = ""] = [fields[regular], fields[regular + 1]];
    if (!PSEUDO.has(name) || pseudo.has(name) || BAD_VALUE.test(value)) return undefined;
    pseudo.set(name, value);
  }
  for (let at = regular; at < fields.length; at += 2) {
    const [name = "", value = ""] = [fields[at], fields[at + 1]];
    if (!isGoodField(name, value)) return undefined;
    if (name === "host") host ||= value;
    if (name === "content-length") {
      if (content !== "" && content !== value) return undefined;
      content = value;
    }
  }
  const [method, path, scheme] = [":method", ":path", ":scheme"].map((name) => pseudo.get(name));
  // Section 8.5, CONNECT, is for proxies.
  if (!method || !path || !scheme) return undefined;
  if (content !== "" && !/^\d{1,15}$/.test(content)) return undefined;
  return {
    method,
    path,
    scheme,
    authority: pseudo.get(":authority") ?? host,
    contentBytes: content === "" ? undefined : Number(content),
    fields: fields.slice(regular),
  };
}

/** Whether trailers are well formed: they have no field that begins with a colon. */
export function areGoodTrailers(fields: FieldList): boolean {
  for (let at = 0; at < fields.length; at += 2) {
    if (!isGoodField(fields[at] as string, fields[at + 1] as string)) return false;
  }
  return true;
}

function isGoodField(name: string, value: string): boolean {
  if (!NAME.test(name) || BAD_VALUE.test(value) || OF_CONNECTIONS.has(name)) return false;
  return name !== "te" || value === "trailers";
}

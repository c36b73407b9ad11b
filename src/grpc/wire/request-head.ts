// What gRPC has in the fields of a request: the method, the timeout, the encoding and the metadata.
// Goes by the request alone, as it is kept for those that come again; must not know the call.

import type { Request } from "../../http2/request.ts";
import { toTimeoutMs } from "../timeout-text.ts";
import type { Method } from "../transport.ts";

/** How the messages of a call are compressed. */
export type Encoding = "identity" | "gzip" | "deflate";

/** Why a request is none of gRPC's, or none that can be answered. */
export type Problem =
  | { readonly kind: "http"; readonly status: string }
  | { readonly kind: "timeout" }
  | { readonly kind: "encoding"; readonly name: string };

/** A request's head. */
export interface RequestHead {
  readonly path: string;
  readonly authority: string;
  /** Undefined if there is no such method. */
  readonly method: Method | undefined;
  readonly problem: Problem | undefined;
  /** Undefined if the client waits for ever. */
  readonly timeoutMs: number | undefined;
  readonly encoding: Encoding;
  /** As HTTP/2 counts it. */
  readonly bytes: number;
  metadata(key: string): readonly (string | Buffer)[];
}

const ENCODINGS: ReadonlySet<string> = new Set(["identity", "gzip", "deflate"]);

/** The media type, with what may follow it; messages are protobuf's. */
const CONTENT_TYPE = /^application\/grpc(?:\+proto)?(?:;|$)/i;

/** As HTTP/2 counts it: each field has 32 bytes beside its name and value. */
const FIELD_OVERHEAD_BYTES = 32;

/** The four fields that are no metadata have names of so many bytes together. */
const PSEUDO_BYTES = ":method:path:scheme:authority".length + 4 * FIELD_OVERHEAD_BYTES;

/** The head of a request; `methods` are by their paths. */
export function readRequestHead(
  request: Request,
  methods: ReadonlyMap<string, Method>,
): RequestHead {
  const { path, authority, fields } = request;
  const values = readValues(fields);
  const timeout = values.get("grpc-timeout");
  const timeoutMs = timeout === undefined ? undefined : toTimeoutMs(timeout);
  const encoding = values.get("grpc-encoding") ?? "identity";
  return {
    path,
    authority,
    method: methods.get(path),
    problem: findProblem(request.method, values.get("content-type"), timeoutMs, encoding),
    timeoutMs,
    encoding: encoding as Encoding,
    bytes: sizeOf(request),
    metadata: (key) => metadataOf(key, values.get(key)),
  };
}

/** The first of its problems. */
function findProblem(
  method: string,
  contentType: string | undefined,
  timeoutMs: number | undefined,
  encoding: string,
): Problem | undefined {
  if (method !== "POST") return { kind: "http", status: "405" };
  if (!CONTENT_TYPE.test(contentType ?? "")) return { kind: "http", status: "415" };
  if (Number.isNaN(timeoutMs)) return { kind: "timeout" };
  return ENCODINGS.has(encoding) ? undefined : { kind: "encoding", name: encoding };
}

/** Fields of one name are one, as RFC 9110 section 5.3 has it, and as grpc-js gives them. */
function readValues(fields: readonly string[]): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (let at = 0; at < fields.length; at += 2) {
    const [name = "", value = ""] = [fields[at], fields[at + 1]];
    const before = values.get(name);
    values.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return values;
}

function metadataOf(key: string, value: string | undefined): readonly (string | Buffer)[] {
  if (value === undefined) return [];
  if (!key.endsWith("-bin")) return [value];
  return value.split(",").map((part) => Buffer.from(part.trim(), "base64"));
}

function sizeOf({ method, path, scheme, authority, fields }: Request): number {
  let bytes = PSEUDO_BYTES + (fields.length / 2) * FIELD_OVERHEAD_BYTES;
  for (const text of [method, path, scheme, authority, ...fields]) bytes += text.length;
  return bytes;
}

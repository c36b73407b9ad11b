// The header blocks of answers. Those that are always the same are made once.
// Must not know streams.

import { encodeFields, type Field } from "../../http2/hpack/encoder.ts";
import { REVISION_KEY } from "../call.ts";
import { type CallStatus, STATUS_DETAILS_KEY } from "../error-status.ts";

const HEADERS: readonly Field[] = [
  [":status", "200"],
  ["content-type", "application/grpc"],
];
const OK: Field = ["grpc-status", "0"];

/** What is told beside an error if the client has compressed its messages as we do not know. */
const ACCEPTED: Field = ["grpc-accept-encoding", "identity,gzip,deflate"];

const PLAIN_HEADERS = encodeFields(HEADERS);
const PLAIN_TRAILERS = encodeFields([OK]);

/** The newest that was told: many answers tell the same. */
let known: { readonly revision: bigint; readonly block: Buffer } | undefined;

/** The headers of an answer that is no error. */
export function headersBlock(revision: bigint | undefined): Buffer {
  if (revision === undefined) return PLAIN_HEADERS;
  if (known?.revision !== revision) {
    const block = encodeFields([...HEADERS, [REVISION_KEY, String(revision)]]);
    known = { revision, block };
  }
  return known.block;
}

/** The trailers of one. */
export function trailersBlock(revision: bigint | undefined): Buffer {
  if (revision === undefined) return PLAIN_TRAILERS;
  return encodeFields([OK, [REVISION_KEY, String(revision)]]);
}

/** The trailers of an answer that ends with an error. */
export function failureBlock(status: CallStatus): Buffer {
  return encodeFields(failureFields(status));
}

/** The whole of an answer that is nothing but an error. */
export function failureOnlyBlock(status: CallStatus): Buffer {
  return encodeFields([...HEADERS, ...failureFields(status)]);
}

/** The same, for messages that are compressed as we do not know. */
export function encodingFailureBlock(status: CallStatus): Buffer {
  return encodeFields([...HEADERS, ACCEPTED, ...failureFields(status)]);
}

/** The answer to what is none of gRPC's. */
export function httpBlock(status: string): Buffer {
  return encodeFields([[":status", status]]);
}

function failureFields({ code, message, details }: CallStatus): readonly Field[] {
  return [
    ["grpc-status", String(code)],
    // What is no ASCII is percent-encoded, and a little more.
    ["grpc-message", encodeURI(message)],
    [STATUS_DETAILS_KEY, Buffer.from(details).toString("base64")],
  ];
}

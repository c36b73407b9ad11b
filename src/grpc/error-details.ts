// Builds `google.rpc.Status` with its details, small enough for the headers of any client.
// Must not decide what may be told: it is given that.

import { create, toBinary } from "@bufbuild/protobuf";
import { type Any, anyPack, durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from "../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";
import type { ErrorCode, ErrorDetails } from "../errors.ts";

/** The most that `grpc-message` and `grpc-status-details-bin` take together, in bytes. */
export const STATUS_BYTES_MAX = 8_000;

/** The most entries of a list that are tried; it is halved until the status fits. */
const ENTRIES_MAX = 64;

/** As much of any text in the details as is sent. */
const TEXT_BYTES = 512;

/**
 * The bytes of a `google.rpc.Status`: ErrorInfo always, each other detail at most once and only if
 * there is something to say in it; `domain` is whose reasons they are. Lists are cut until message and bytes fit STATUS_BYTES_MAX.
 */
export function encodeStatus(
  code: number,
  message: string,
  reason: ErrorCode,
  details: ErrorDetails,
  domain: string,
): Uint8Array {
  for (let entries = ENTRIES_MAX; ; entries >>= 1) {
    const status = { code, message, details: buildDetails(reason, details, domain, entries) };
    const bytes = toBinary(StatusSchema, create(StatusSchema, status));
    if (entries === 0 || headerBytes(message, bytes) <= STATUS_BYTES_MAX) return bytes;
  }
}

/** `text` without lone surrogates, cut between two characters to at most `maxBytes` of UTF-8. */
export function clipText(text: string, maxBytes: number): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(maxBytes));
  return text.slice(0, read).toWellFormed();
}

/** What message and details take as headers: percent-encoded and base64. */
function headerBytes(message: string, details: Uint8Array): number {
  return encodeURI(message).length + Math.ceil(details.length / 3) * 4;
}

function buildDetails(
  reason: ErrorCode,
  details: ErrorDetails,
  domain: string,
  entries: number,
): Any[] {
  const { fields = [], preconditions = [], resource, retryDelayMs } = details;
  const metadata = Object.entries(details.metadata ?? {}).slice(0, entries);
  const info = create(ErrorInfoSchema, {
    reason,
    domain,
    metadata: Object.fromEntries(metadata.map(([key, value]) => [clip(key), clip(value)])),
  });
  const packed = [anyPack(ErrorInfoSchema, info)];
  if (fields.length > 0) {
    const fieldViolations = fields.slice(0, entries).map(({ field, description }) => ({
      field: clip(field),
      description: clip(description),
    }));
    packed.push(anyPack(BadRequestSchema, create(BadRequestSchema, { fieldViolations })));
  }
  if (preconditions.length > 0) {
    const violations = preconditions.slice(0, entries).map(({ type, subject, description }) => ({
      type: clip(type),
      subject: clip(subject),
      description: clip(description),
    }));
    const failure = create(PreconditionFailureSchema, { violations });
    packed.push(anyPack(PreconditionFailureSchema, failure));
  }
  if (resource) {
    const resourceInfo = create(ResourceInfoSchema, {
      resourceType: clip(resource.type),
      resourceName: clip(resource.name),
    });
    packed.push(anyPack(ResourceInfoSchema, resourceInfo));
  }
  if (retryDelayMs !== undefined) {
    const retryDelay = durationFromMs(retryDelayMs);
    packed.push(anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay })));
  }
  return packed;
}

function clip(text: string): string {
  return clipText(text, TEXT_BYTES);
}

// What a handler is told of its call: cancellation, deadline, and the revision that it answers with.
// Must not know requests or responses.

import {
  Metadata,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
} from "@grpc/grpc-js";
import { StoreError } from "../errors.ts";
import type { CallContext } from "../handlers/handler.ts";

/** A call as grpc-js gives it, its messages as bytes. */
export type RawUnaryCall = ServerUnaryCall<Buffer, Buffer>;
/** A server stream as grpc-js gives it, its messages as bytes. */
export type RawServerStream = ServerWritableStream<Buffer, Buffer>;
/** A client stream as grpc-js gives it, its messages as bytes. */
export type RawClientStream = ServerReadableStream<Buffer, Buffer>;
/** A bidirectional stream as grpc-js gives it, its messages as bytes. */
export type RawBidiStream = ServerDuplexStream<Buffer, Buffer>;

/** The response metadata that tells the revision of an answer. */
export const REVISION_KEY = "protostore-revision";

/** A call that is being answered. */
export interface OpenCall {
  readonly context: CallContext;
  /** The response metadata collected so far. */
  readonly metadata: Metadata;
  abort(reason: StoreError): void;
  /** Forgets the call; to be called once it is answered. */
  close(): void;
}

/** The part of any raw call that this file needs. */
interface CancellableCall {
  readonly cancelled: boolean;
  getDeadline(): Date | number;
  on(event: "cancelled", listener: () => void): unknown;
  off(event: "cancelled", listener: () => void): unknown;
}

/** Starts to watch a call for cancellation and deadline; `onRevision` runs after each setRevision. */
export function openCall(
  call: CancellableCall,
  onRevision?: (metadata: Metadata) => void,
): OpenCall {
  const controller = new AbortController();
  const metadata = new Metadata();
  const deadlineMs = Number(call.getDeadline());
  const endsItself = () => Date.now() >= deadlineMs;
  // grpc-js reports a passed deadline as a cancellation, too.
  const onCancelled = () =>
    controller.abort(
      endsItself()
        ? new StoreError("DEADLINE_EXCEEDED", "the deadline has passed")
        : new StoreError("CANCELLED", "the call was cancelled"),
    );
  call.on("cancelled", onCancelled);
  // A deadline may pass before the request is complete; nothing is reported after that.
  if (call.cancelled || endsItself()) onCancelled();
  return {
    metadata,
    context: {
      signal: controller.signal,
      ...(Number.isFinite(deadlineMs) ? { deadlineMs } : {}),
      setRevision(revision) {
        metadata.set(REVISION_KEY, String(revision));
        onRevision?.(metadata);
      },
    },
    abort: (reason) => controller.abort(reason),
    // It is also emitted after an answer: an abort would then cost every call an error.
    close: () => call.off("cancelled", onCancelled),
  };
}

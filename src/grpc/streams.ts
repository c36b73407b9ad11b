// Moves the messages of streaming calls: responses out as fast as the client reads, requests in.
// Must not give a call its status: that is the adapter's.

import type { DescMessage, Message } from "@bufbuild/protobuf";
import type { Response } from "../handlers/handler.ts";
import { decodeRequest } from "../handlers/raw-request.ts";
import type { RawBidiStream, RawServerStream } from "./call.ts";
import { encodeResponse } from "./codec.ts";

/** A response of this size is on its way before the next one is asked for. */
const LARGE_RESPONSE_BYTES = 16 * 1024;

/** Where a stream's responses go. */
export interface Outlet {
  readonly call: RawServerStream | RawBidiStream;
  readonly output: DescMessage;
  readonly signal: AbortSignal;
  /** Told of what the iterator throws when it is ended early. */
  readonly onLateFailure: (thrown: unknown) => void;
}

/**
 * Writes all of `responses`, asking for the next one only when the client has taken enough of those
 * before. Rejects with what the iterator throws, or with the signal's reason as soon as it aborts;
 * the iterator is then ended.
 */
export async function sendResponses(responses: AsyncIterable<Response>, outlet: Outlet) {
  const { call, output, signal } = outlet;
  const iterator = responses[Symbol.asyncIterator]();
  let finished = false;
  try {
    for (;;) {
      const next = await untilAborted(iterator.next(), signal);
      if (next.done) {
        finished = true;
        break;
      }
      await writeResponse(call, encodeResponse(output, next.value), signal);
    }
    // A handler that ends because it was told to stop has not finished.
    signal.throwIfAborted();
  } finally {
    // Not awaited: an iterator that waits for something else ends when that comes.
    if (!finished) endIterator(iterator, outlet.onLateFailure);
  }
}

/** The requests of a bidirectional stream; it leaves the call open for responses. */
export async function* receiveRequests(
  call: RawBidiStream,
  input: DescMessage,
  signal: AbortSignal,
): AsyncIterable<Message> {
  try {
    for await (const bytes of call.iterator({ destroyOnReturn: false })) {
      yield decodeRequest(input, bytes);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

/** Resolves as soon as there is room for another response. */
async function writeResponse(
  call: RawServerStream | RawBidiStream,
  bytes: Buffer,
  signal: AbortSignal,
): Promise<void> {
  let room = true;
  // `write` counts messages, not bytes: waiting for large ones bounds what a slow reader holds.
  const flushed = new Promise<void>((resolve) => {
    room = call.write(bytes, () => resolve()) && bytes.length < LARGE_RESPONSE_BYTES;
  });
  if (!room) await untilAborted(flushed, signal);
}

/** Settles as `promise` does, or rejects with the reason of `signal` if that aborts first. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

function endIterator(
  iterator: AsyncIterator<Response>,
  onLateFailure: (thrown: unknown) => void,
): void {
  try {
    iterator.return?.()?.then(undefined, onLateFailure);
  } catch (error) {
    onLateFailure(error);
  }
}

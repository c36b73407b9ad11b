// Moves the messages of streaming calls: responses out as fast as the client reads, requests in.
// Must not give a call its status: that is the adapter's.

import type { DescMessage, Message } from "@bufbuild/protobuf";
import type { CallMeter } from "../handlers/finished-call.ts";
import type { Response } from "../handlers/handler.ts";
import { decodeRequest } from "../handlers/raw-request.ts";
import type { OpenCall, RawBidiStream, RawClientStream, RawServerStream } from "./call.ts";
import { encodeResponse } from "./codec.ts";

/** A response of this size is on its way before the next one is asked for. */
const LARGE_RESPONSE_BYTES = 16 * 1024;

/** Where a stream's responses go. */
export interface Outlet {
  readonly call: RawServerStream | RawBidiStream;
  readonly output: DescMessage;
  readonly open: OpenCall;
  readonly meter: CallMeter | undefined;
  /** Told of what the iterator throws when it is ended early. */
  readonly onLateFailure: (thrown: unknown) => void;
}

/**
 * Writes all of `responses`, asking for the next one only when the client has taken enough of those
 * before. Rejects with what the iterator throws, or with the signal's reason as soon as it aborts;
 * the iterator is then ended.
 */
export async function sendResponses(responses: AsyncIterable<Response>, outlet: Outlet) {
  const { call, output, open, meter } = outlet;
  const { signal } = open.context;
  const iterator = responses[Symbol.asyncIterator]();
  let finished = false;
  try {
    for (;;) {
      const next = await untilAborted(iterator.next(), signal);
      if (next.done) {
        finished = true;
        break;
      }
      const bytes = encodeResponse(output, next.value);
      open.responseBytes += bytes.length;
      meter?.onSent();
      await writeResponse(call, bytes, signal);
    }
    // A handler that ends because it was told to stop has not finished.
    signal.throwIfAborted();
  } finally {
    // Not awaited: an iterator that waits for something else ends when that comes.
    if (!finished) endIterator(iterator, outlet.onLateFailure);
  }
}

/**
 * The requests of a stream, each taken from the client only when it is asked for; the call is left
 * open for responses. Rejects with the signal's reason as soon as it aborts. The end of the requests
 * is not the client's consent to anything: a Node client that cancels ends them first.
 */
export async function* receiveRequests(
  call: RawClientStream | RawBidiStream,
  input: DescMessage,
  open: OpenCall,
  meter?: CallMeter,
): AsyncIterable<Message> {
  const { signal } = open.context;
  const allowRead = readOnDemand(call);
  const requests: AsyncIterator<Buffer> = call.iterator({ destroyOnReturn: false });
  try {
    for (;;) {
      allowRead();
      const next = await untilAborted(requests.next(), signal);
      if (next.done) return;
      open.requestBytes += next.value.length;
      meter?.onReceived();
      yield decodeRequest(input, next.value);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    // Not awaited: a request that is still waited for ends with the call.
    requests.return?.().then(undefined, () => {});
  }
}

/**
 * Keeps a stream from reading ahead, which it would for 16 requests of up to four megabytes each;
 * every call of the result lets it read one, or the end.
 */
function readOnDemand(call: RawClientStream | RawBidiStream): () => void {
  const read = call._read.bind(call);
  let allowed = 0;
  let waiting = false;
  const readAllowed = () => {
    if (!waiting || allowed === 0) return;
    allowed -= 1;
    waiting = false;
    read(0);
  };
  call._read = () => {
    waiting = true;
    readAllowed();
  };
  return () => {
    allowed += 1;
    readAllowed();
  };
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

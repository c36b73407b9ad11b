// Moves the messages of streaming calls: responses out as fast as the client reads, requests in.
// Must not give a call its status: that is the adapter's.

import type { DescMessage, Message } from "@bufbuild/protobuf";
import type { CallMeter } from "../handlers/finished-call.ts";
import type { Response } from "../handlers/handler.ts";
import { decodeRequest } from "../handlers/raw-request.ts";
import type { OpenCall } from "./call.ts";
import { encodeResponse } from "./codec.ts";
import type { AnswerStreamCall, RequestStreamCall } from "./transport-call.ts";

/** Where a stream's responses go. */
export interface Outlet {
  readonly call: AnswerStreamCall;
  readonly output: DescMessage;
  /** The largest response. */
  readonly bytesMax: number;
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
  const { call, output, bytesMax, open, meter } = outlet;
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
      const bytes = encodeResponse(output, next.value, bytesMax);
      open.responseBytes += bytes.length;
      meter?.onSent();
      const room = call.send(bytes);
      if (room) await untilAborted(room, signal);
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
  call: RequestStreamCall,
  input: DescMessage,
  open: OpenCall,
  meter?: CallMeter,
): AsyncIterable<Message> {
  const { signal } = open.context;
  const requests = call.requests();
  try {
    for (;;) {
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

// What a call is to those who answer it, whichever transport it came by.
// Must not know how its bytes travel: library/ and wire/ implement it.

import type { CallOrigin } from "../handlers/finished-call.ts";
import type { CallStatus } from "./error-status.ts";

/** A call that has come. */
export interface IncomingCall extends CallOrigin {
  /** The common name of the client's certificate, if that was asked for and is good. */
  readonly certificateName: string | undefined;
  /** When its client stops waiting, in milliseconds since the epoch; undefined if it never does. */
  readonly deadlineMs: number | undefined;
  /** Whether nobody waits any more: the client has gone, the deadline has passed or the answer is sent. */
  readonly isOver: boolean;
  /** Runs `listener` when it is over. */
  onOver(listener: () => void): void;
  offOver(listener: () => void): void;
  /** What its connection owes of answers that are not read yet, where that has a bound of its own. */
  readonly unread?: UnreadAnswers;
}

/** The answers of a connection that are not read yet. */
export interface UnreadAnswers {
  bytes: number;
}

/** A call whose request has come. */
export interface RequestCall extends IncomingCall {
  readonly request: Buffer;
}

/** A call whose requests are taken one by one, each only when it is asked for. */
export interface RequestStreamCall extends IncomingCall {
  /** Ending the iterator leaves the call open for its answer. */
  requests(): AsyncIterator<Buffer>;
}

/** A call that has one answer. */
export interface AnswerCall extends IncomingCall {
  /** Sends the answer, which tells the revision, and ends the call. */
  answer(message: Buffer, revision: bigint | undefined): void;
  fail(status: CallStatus): void;
}

/** A call whose answer is a stream. */
export interface AnswerStreamCall extends IncomingCall {
  /** Tells the revision at once, if nothing has been sent yet. */
  tellRevision(revision: bigint): void;
  /** The result, if there is one, resolves when there is room for another message. */
  send(message: Buffer): Promise<void> | undefined;
  /** Ends the call well; a revision that was not told yet is told now. */
  end(revision: bigint | undefined): void;
  fail(status: CallStatus): void;
}

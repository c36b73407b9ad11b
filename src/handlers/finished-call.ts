// What is known of a call once it is answered: for audits, logs and figures.
// Knows none of those who are told.

import type { DescMethod } from "@bufbuild/protobuf";
import type { StoreError } from "../errors.ts";
import type { CallContext } from "./handler.ts";

/** A call that is over. */
export interface FinishedCall {
  readonly method: DescMethod;
  /** What its handler was told: who calls, and with which metadata. */
  readonly context: CallContext;
  /** When it came, in milliseconds of `performance.now()`. */
  readonly startMs: number;
  /** What it was refused or failed with. */
  readonly error: StoreError | undefined;
  /** The revision that its answer told. */
  readonly revision: bigint | undefined;
  /** The bytes of all its requests, and of all its responses. */
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** The request of a unary or server-streaming call, encoded. */
  readonly request: Uint8Array | undefined;
  /** The answer of a unary or client-streaming call, encoded. */
  readonly response: Uint8Array | undefined;
}

/** Is told of a call when its answer is ready to be sent. */
export type OnFinished = (call: FinishedCall) => void;

/** Is told of the calls of a method, and of their messages, as they come and go. */
export interface CallMeter {
  onStarted(): void;
  onReceived(): void;
  onSent(): void;
}

// What is known of a call once it is answered: for audits, logs and figures.
// Knows none of those who are told.

import type { DescMethod } from "@bufbuild/protobuf";
import type { StoreError } from "../errors.ts";
import type { StatementLog } from "../observe/statement-run.ts";
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
  /** What was run for it in the database. */
  readonly statements: StatementLog;
  /** The trace that it is a part of, if there is one. */
  readonly traceId: string | undefined;
}

/** Is told of a call when its answer is ready to be sent. */
export type OnFinished = (call: FinishedCall) => void;

/** A call as a part of a trace. */
export interface CallTrace {
  readonly traceId: string | undefined;
  /** Runs what answers the call, so that what that does is a part of it too. */
  run<T>(action: () => T): T;
  /** To be told once how it ended. */
  finish(call: FinishedCall): void;
}

/** Where a call comes from, and what says whose trace it is in. */
export interface CallOrigin extends Pick<CallContext, "peer" | "metadata"> {
  /** What the client has called the server by: a host, perhaps with a port. */
  readonly authority: string;
}

/** A call of a method that there is not. */
export interface UnknownCall extends CallOrigin {
  readonly path: string;
}

/** Begins the trace of a call that has come; it must not throw. */
export type BeginTrace = (call: CallOrigin, startMs: number) => CallTrace;

/** Is told of the calls of a method, and of their messages, as they come and go. */
export interface CallMeter {
  onStarted(): void;
  onReceived(): void;
  onSent(): void;
}

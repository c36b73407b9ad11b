// What a handler is told of its call: cancellation, deadline, and the revision that it answers with.
// Must not know requests or responses.

import type { PeerCertificate } from "node:tls";
import {
  Metadata,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
} from "@grpc/grpc-js";
import type { Credentials } from "../access/authenticator.ts";
import type { Principal } from "../access/principal.ts";
import { invalidField, StoreError } from "../errors.ts";
import type { BeginTrace, CallOrigin, CallTrace } from "../handlers/finished-call.ts";
import type { CallContext } from "../handlers/handler.ts";
import { createStatementLog, type StatementLog } from "../observe/statement-run.ts";

/** A call as grpc-js gives it, its messages as bytes. */
export type RawUnaryCall = ServerUnaryCall<Buffer, Buffer>;
/** A server stream as grpc-js gives it, its messages as bytes. */
export type RawServerStream = ServerWritableStream<Buffer, Buffer>;
/** A client stream as grpc-js gives it, its messages as bytes. */
export type RawClientStream = ServerReadableStream<Buffer, Buffer>;
/** A bidirectional stream as grpc-js gives it, its messages as bytes. */
export type RawBidiStream = ServerDuplexStream<Buffer, Buffer>;

/** The metadata that tells the revision of an answer, and, in a request, the least that it must have. */
export const REVISION_KEY = "protostore-revision";

/** A call that is being answered. */
export interface OpenCall {
  readonly context: CallContext;
  /** When it came, in milliseconds of `performance.now()`. */
  readonly startMs: number;
  readonly credentials: Credentials;
  /** The host that it comes from. */
  readonly host: string;
  /** Who makes it, once that is known. */
  principal: Principal | undefined;
  /** The newest revision that its answer tells. */
  readonly revision: bigint | undefined;
  /** The bytes of its requests and responses so far. */
  requestBytes: number;
  responseBytes: number;
  /** The response metadata collected so far. */
  readonly answerMetadata: Metadata;
  /** The statements that were run for it so far. */
  readonly statements: StatementLog;
  readonly trace: CallTrace | undefined;
  /** Runs what answers it, as a part of its trace. */
  run<T>(action: () => T): T;
  /** @throws StoreError DEADLINE_EXCEEDED, CANCELLED if nobody waits for an answer any more. */
  throwIfOver(): void;
  abort(reason: StoreError): void;
  /** Runs `listener` once the client has the whole answer, or the call is over without. */
  onGone(listener: () => void): void;
  /** Forgets the call; to be called once it is answered. */
  close(): void;
}

/** The part of any raw call that this file needs. */
interface CancellableCall {
  readonly cancelled: boolean;
  readonly metadata: Metadata;
  getPeer(): string;
  getHost(): string;
  getAuthContext(): { readonly sslPeerCertificate?: PeerCertificate };
  getDeadline(): Date | number;
  on(event: "cancelled", listener: () => void): unknown;
  off(event: "cancelled", listener: () => void): unknown;
}

/** A call, and what its handler is told of it; `onRevision` runs after each setRevision. */
export function openCall(
  call: CancellableCall,
  beginTrace?: BeginTrace,
  onRevision?: (metadata: Metadata) => void,
): OpenCall {
  const opened = new Call(call, onRevision);
  if (beginTrace) opened.trace = beginTrace(opened, opened.startMs);
  return opened;
}

/** Most calls are answered at once: what watches for their end is made when it is asked for. */
class Call implements OpenCall, CallContext, CallOrigin, Credentials {
  readonly startMs = performance.now();
  principal: Principal | undefined;
  revision: bigint | undefined;
  requestBytes = 0;
  responseBytes = 0;
  readonly answerMetadata = new Metadata();
  readonly deadlineMs?: number;
  readonly statements = createStatementLog();
  trace: CallTrace | undefined;
  readonly #call: CancellableCall;
  readonly #onRevision: ((metadata: Metadata) => void) | undefined;
  #controller: AbortController | undefined;
  #onCancelled: (() => void) | undefined;
  #isClosed = false;

  constructor(call: CancellableCall, onRevision: ((metadata: Metadata) => void) | undefined) {
    this.#call = call;
    this.#onRevision = onRevision;
    const deadlineMs = Number(call.getDeadline());
    if (Number.isFinite(deadlineMs)) this.deadlineMs = deadlineMs;
  }

  get context(): CallContext {
    return this;
  }

  get credentials(): Credentials {
    return this;
  }

  get host(): string {
    return this.peer.replace(/:\d+$/, "");
  }

  get authorization(): string | undefined {
    const [value] = this.#call.metadata.get("authorization");
    return typeof value === "string" ? value : undefined;
  }

  get certificateName(): string | undefined {
    const name = this.#call.getAuthContext().sslPeerCertificate?.subject.CN;
    // A subject may have several: then it is none that anybody was given a role by.
    return typeof name === "string" ? name : undefined;
  }

  get signal(): AbortSignal {
    return this.#watch().signal;
  }

  get peer(): string {
    return this.#call.getPeer();
  }

  get authority(): string {
    return this.#call.getHost();
  }

  metadata(key: string): readonly (string | Uint8Array)[] {
    return this.#call.metadata.get(key);
  }

  get minRevision(): bigint | undefined {
    let newest = this.revision;
    for (const value of this.metadata(REVISION_KEY)) {
      const sent = parseRevision(value);
      if (newest === undefined || sent > newest) newest = sent;
    }
    return newest;
  }

  setRevision(revision: bigint): void {
    this.revision = revision;
    this.answerMetadata.set(REVISION_KEY, String(revision));
    this.#onRevision?.(this.answerMetadata);
  }

  run<T>(action: () => T): T {
    return this.trace ? this.trace.run(action) : action();
  }

  throwIfOver(): void {
    const reason = this.#endReason();
    if (reason) throw reason;
  }

  abort(reason: StoreError): void {
    this.#watch().abort(reason);
  }

  onGone(listener: () => void): void {
    // What grpc-js calls cancelled is also every call whose answer is sent.
    if (this.#call.cancelled) listener();
    else this.#call.on("cancelled", listener);
  }

  close(): void {
    this.#isClosed = true;
    // It is also emitted after an answer: an abort would then cost every call an error.
    if (this.#onCancelled) this.#call.off("cancelled", this.#onCancelled);
  }

  #watch(): AbortController {
    if (this.#controller) return this.#controller;
    const controller = new AbortController();
    this.#controller = controller;
    if (this.#isClosed) return controller;
    this.#onCancelled = () => controller.abort(this.#endReason());
    this.#call.on("cancelled", this.#onCancelled);
    // A deadline may pass before the request is complete; nothing is reported after that.
    const reason = this.#endReason();
    if (reason) controller.abort(reason);
    return controller;
  }

  /** grpc-js reports a passed deadline as a cancellation, too. */
  #endReason(): StoreError | undefined {
    if (this.deadlineMs !== undefined && Date.now() >= this.deadlineMs) {
      return new StoreError("DEADLINE_EXCEEDED", "the deadline has passed");
    }
    return this.#call.cancelled ? new StoreError("CANCELLED", "the call was cancelled") : undefined;
  }
}

function parseRevision(value: string | Uint8Array): bigint {
  if (typeof value === "string" && /^\d{1,19}$/.test(value)) return BigInt(value);
  throw invalidField(REVISION_KEY, "must be the revision of an answer, for example 17");
}

// What a handler is told of its call: cancellation, deadline, and the revision that it answers with.
// Must not know requests or responses.

import type { Credentials } from "../access/authenticator.ts";
import type { Principal } from "../access/principal.ts";
import { invalidField, StoreError } from "../errors.ts";
import type { BeginTrace, CallOrigin, CallTrace } from "../handlers/finished-call.ts";
import type { CallContext } from "../handlers/handler.ts";
import { createStatementLog, type StatementLog } from "../observe/statement-run.ts";
import type { IncomingCall } from "./transport-call.ts";

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

/** A call, and what its handler is told of it; `onRevision` runs after each setRevision. */
export function openCall(
  call: IncomingCall,
  beginTrace?: BeginTrace,
  onRevision?: (revision: bigint) => void,
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
  readonly deadlineMs?: number;
  readonly statements = createStatementLog();
  trace: CallTrace | undefined;
  readonly #call: IncomingCall;
  readonly #onRevision: ((revision: bigint) => void) | undefined;
  #controller: AbortController | undefined;
  #onOver: (() => void) | undefined;
  #isClosed = false;

  constructor(call: IncomingCall, onRevision: ((revision: bigint) => void) | undefined) {
    this.#call = call;
    this.#onRevision = onRevision;
    const { deadlineMs } = call;
    if (deadlineMs !== undefined) this.deadlineMs = deadlineMs;
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
    const [value] = this.#call.metadata("authorization");
    return typeof value === "string" ? value : undefined;
  }

  get certificateName(): string | undefined {
    return this.#call.certificateName;
  }

  get signal(): AbortSignal {
    return this.#watch().signal;
  }

  get peer(): string {
    return this.#call.peer;
  }

  get authority(): string {
    return this.#call.authority;
  }

  metadata(key: string): readonly (string | Uint8Array)[] {
    return this.#call.metadata(key);
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
    this.#onRevision?.(revision);
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
    if (this.#call.isOver) listener();
    else this.#call.onOver(listener);
  }

  close(): void {
    this.#isClosed = true;
    // It is over after its answer, too: an abort would then cost every call an error.
    if (this.#onOver) this.#call.offOver(this.#onOver);
  }

  #watch(): AbortController {
    if (this.#controller) return this.#controller;
    const controller = new AbortController();
    this.#controller = controller;
    if (this.#isClosed) return controller;
    this.#onOver = () => controller.abort(this.#endReason());
    this.#call.onOver(this.#onOver);
    // A deadline may pass before the request is complete; nothing is reported after that.
    const reason = this.#endReason();
    if (reason) controller.abort(reason);
    return controller;
  }

  /** A call whose deadline has passed is over, too. */
  #endReason(): StoreError | undefined {
    if (this.deadlineMs !== undefined && Date.now() >= this.deadlineMs) {
      return new StoreError("DEADLINE_EXCEEDED", "the deadline has passed");
    }
    return this.#call.isOver ? new StoreError("CANCELLED", "the call was cancelled") : undefined;
  }
}

function parseRevision(value: string | Uint8Array): bigint {
  if (typeof value === "string" && /^\d{1,19}$/.test(value)) return BigInt(value);
  throw invalidField(REVISION_KEY, "must be the revision of an answer, for example 17");
}

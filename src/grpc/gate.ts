// The one gate for every call: whose it is, whether that one may make it, and whether it can be answered.
// Must not know messages.

import type { DescMethod } from "@bufbuild/protobuf";
import type { Admission } from "../access/access-control.ts";
import type { CallRate } from "../access/call-rate.ts";
import type { Principal } from "../access/principal.ts";
import type { StoreError } from "../errors.ts";
import type { OpenCall } from "./call.ts";

/** What calls must pass. */
export interface GateConfig {
  /** What lets in the calls of a method; all are if absent. */
  readonly admissionTo?: ((method: DescMethod) => Admission | undefined) | undefined;
  /** Counts the calls of each caller. */
  readonly callRate?: CallRate | undefined;
  /** While it returns an error, calls are refused with it. */
  readonly closed?: (() => StoreError | undefined) | undefined;
}

/** Lets a call in; throws, or rejects with, why it must not reach its handler. */
export type Gate = (call: OpenCall) => Promise<void> | undefined;

/** The gate of a method. */
export function gateOf(method: DescMethod, { admissionTo, callRate, closed }: GateConfig): Gate {
  const admission = admissionTo?.(method);
  const throwIfClosed = () => {
    const error = closed?.();
    if (error) throw error;
  };
  if (!admission) {
    return (call) => {
      call.throwIfOver();
      if (callRate?.isBounded) callRate.count(call.host, call.startMs);
      throwIfClosed();
      return undefined;
    };
  }
  const enter = (call: OpenCall, principal: Principal) => {
    call.principal = principal;
    if (callRate?.isBounded) callRate.count(principal.name, call.startMs);
    admission.authorize(principal);
    throwIfClosed();
  };
  return (call) => {
    call.throwIfOver();
    const principal = admission.identify(call.credentials);
    if (principal instanceof Promise) return principal.then((known) => enter(call, known));
    enter(call, principal);
    return undefined;
  };
}

// What is known of a call once it is answered: for audits, logs and figures.
// Types only.

import type { DescMethod } from "@bufbuild/protobuf";
import type { Principal } from "../access/principal.ts";
import type { StoreError } from "../errors.ts";

/** A call that is over. */
export interface FinishedCall {
  readonly method: DescMethod;
  readonly peer: string;
  readonly principal: Principal | undefined;
  /** When it came, in milliseconds of `performance.now()`. */
  readonly startMs: number;
  /** What it was refused or failed with. */
  readonly error: StoreError | undefined;
  /** The revision that its answer told. */
  readonly revision: bigint | undefined;
  /** The request of a unary or server-streaming call, encoded. */
  readonly request: Uint8Array | undefined;
  /** The answer of a unary or client-streaming call, encoded. */
  readonly response: Uint8Array | undefined;
}

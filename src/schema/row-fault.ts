// What is wrong with a row that cannot be answered with, as a value that goes from thread to thread,
// and as the error that it is where the row was asked for by name.

import { type ResourceIdentity, StoreError } from "../errors.ts";
import type { ResourcePlan } from "./plan.ts";
import { identify } from "./resource-name.ts";

/** Why a row cannot be answered with. */
export interface RowFault {
  readonly code: "ROW_UNREADABLE" | "ROW_TOO_LARGE";
  readonly resource: ResourceIdentity;
  /** What is wrong, after the name of the resource. */
  readonly problem: string;
  /** The path of the field that cannot be read, for example `lines.unit_price`. */
  readonly field?: string;
}

/** A row with a field that cannot be read; `text` is `path: reason`. */
export function unreadableField(resource: ResourceIdentity, text: string): RowFault {
  const field = text.slice(0, text.indexOf(": "));
  return { code: "ROW_UNREADABLE", resource, problem: `cannot be read: ${text}`, field };
}

/** A row whose stored bytes are not those that were written. */
export function damagedBytes(plan: ResourcePlan, key: bigint): RowFault {
  const problem = "cannot be read: its stored bytes are damaged";
  return { code: "ROW_UNREADABLE", resource: identify(plan, key), problem };
}

/** A row whose message has more bytes than can be sent. */
export function tooLarge(plan: ResourcePlan, key: bigint, length: number, max: number): RowFault {
  const problem = `has ${length} bytes as it is encoded, and at most ${max} can be sent`;
  return { code: "ROW_TOO_LARGE", resource: identify(plan, key), problem };
}

/** The error for whoever asked for this row. */
export function faultError(fault: RowFault, cause?: unknown): StoreError {
  const { code, resource, problem, field } = fault;
  const metadata = field === undefined ? {} : { metadata: { field } };
  return new StoreError(code, `${resource.name} ${problem}`, {
    resource,
    ...metadata,
    ...(cause !== undefined && { cause }),
  });
}

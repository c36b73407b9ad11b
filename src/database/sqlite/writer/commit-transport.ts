// How commits cross to the writer thread and their outcomes come back: plain values, and the
// messages of all of them in one buffer, which is handed over and not copied.

import type { StoreError } from "../../../errors.ts";
import type { ResourcePlan } from "../../../schema/plan.ts";
import { type Change, type ChangeCount, countChanges } from "../../change.ts";
import type { ExecuteCheck, Operation } from "../../database.ts";
import type { Outcome, PendingCommit } from "../../sql/write/group.ts";
import { fromPlainError, type PlainError, toPlainError } from "../threads/thread-errors.ts";
import { planOf } from "../threads/thread-plans.ts";
import type { PortableRuns } from "../threads/told-statements.ts";

/** Commits that arrived together, in values that can be sent to another thread. */
export interface PortableCommits {
  readonly commits: readonly PortableCommit[];
  /** The messages, one after the other. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

interface PortableCommit extends Omit<PendingCommit, "operations"> {
  readonly operations: readonly PortableOperation[];
}

/** An operation whose plan is named by its table, with the size of its message. */
type PortableOperation = Readonly<Record<string, unknown>> & {
  readonly table?: string;
  readonly size?: number;
  readonly check?: PortableCheck | undefined;
};

type PortableCheck = { readonly [K in keyof ExecuteCheck]: PlainError | number };

/** How commits ended, in values that can be sent to another thread. */
export interface PortableOutcomes {
  readonly outcomes: readonly PortableOutcome[];
  /** The stored messages, one after the other. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How much the commits have changed. */
  readonly changes: readonly ChangeCount[];
  /** The statements that were run for them, by their ids. */
  readonly statements?: PortableRuns | undefined;
}

type PortableOutcome =
  | {
      readonly id: number;
      readonly revision: bigint;
      /** Of each message; -1 where none was stored. */
      readonly sizes: readonly number[];
    }
  | { readonly id: number; readonly error: PlainError };

/** Makes commits portable; their messages are copied. */
export function packCommits(pending: readonly PendingCommit[]): PortableCommits {
  const parts: Uint8Array[] = [];
  const commits = pending.map(
    ({
      id,
      operations,
      validateOnly,
      request,
      answered,
      deadlineMs,
      giveUpMs,
    }): PortableCommit => ({
      id,
      operations: operations.map((operation) => packOperation(operation, parts)),
      validateOnly,
      request,
      answered,
      deadlineMs,
      giveUpMs,
    }),
  );
  return { commits, bytes: concatenate(parts) };
}

function packOperation(operation: Operation, parts: Uint8Array[]): PortableOperation {
  if (operation.kind === "execute") {
    const { check } = operation;
    return { ...operation, check: check && packCheck(check) };
  }
  const { table } = operation.plan;
  if (!("message" in operation)) return { ...operation, plan: undefined, table };
  const { message } = operation;
  parts.push(message);
  return { ...operation, plan: undefined, message: undefined, table, size: message.length };
}

function packCheck(check: ExecuteCheck): PortableCheck {
  const portable = (value: StoreError | number) =>
    typeof value === "number" ? value : toPlainError(value);
  return Object.fromEntries(Object.entries(check).map(([key, value]) => [key, portable(value)]));
}

/** The inverse of `packCommits`; messages are views of the bytes. */
export function unpackCommits(
  { commits, bytes }: PortableCommits,
  plans: readonly ResourcePlan[],
): PendingCommit[] {
  let offset = 0;
  const unpackOperation = (portable: PortableOperation) => {
    const { table, size, check } = portable;
    if (table === undefined) return { ...portable, check: check && unpackCheck(check) };
    const plan = planOf(plans, table);
    if (size === undefined) return { ...portable, plan };
    const message = bytes.subarray(offset, offset + size);
    offset += size;
    return { ...portable, plan, message };
  };
  return commits.map((commit) => ({
    ...commit,
    operations: commit.operations.map((each) => unpackOperation(each) as unknown as Operation),
  }));
}

function unpackCheck(check: PortableCheck): ExecuteCheck {
  const restore = (value: PlainError | number) =>
    typeof value === "number" ? value : fromPlainError(value);
  return Object.fromEntries(Object.entries(check).map(([key, value]) => [key, restore(value)]));
}

/** Makes outcomes portable; their messages are copied, and changes are counted. */
export function packOutcomes(
  outcomes: readonly Outcome[],
  changes: readonly Change[] = [],
  statements?: PortableRuns,
): PortableOutcomes {
  const parts: Uint8Array[] = [];
  const portable = outcomes.map((outcome): PortableOutcome => {
    if (outcome.error) return { id: outcome.id, error: toPlainError(outcome.error) };
    const { revision, messages } = outcome.commit;
    const sizes = messages.map((message) => {
      if (message) parts.push(message);
      return message?.length ?? -1;
    });
    return { id: outcome.id, revision, sizes };
  });
  const counts = countChanges(changes);
  return { outcomes: portable, bytes: concatenate(parts), changes: counts, statements };
}

/** The outcomes that were packed; messages are views of the bytes. */
export function unpackOutcomes({ outcomes, bytes }: PortableOutcomes): Outcome[] {
  let offset = 0;
  return outcomes.map((outcome) => {
    if ("error" in outcome) return { id: outcome.id, error: fromPlainError(outcome.error) };
    const messages = outcome.sizes.map((size) => {
      if (size < 0) return undefined;
      offset += size;
      return bytes.subarray(offset - size, offset);
    });
    return { id: outcome.id, commit: { revision: outcome.revision, messages } };
  });
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

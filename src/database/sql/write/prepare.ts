// What can be done with an operation before the write lock is taken: its message is decoded and
// checked, and made columns and JSON if nothing about it depends on other rows. Runs no SQL.

import { fromBinary, type Message, type Registry } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { invalidField } from "../../../errors.ts";
import { type Mask, requiredFields, resolveMask } from "../../../query/field-mask.ts";
import { applyDefaults, checkRequired, clearOutputOnly } from "../../../schema/behavior.ts";
import type { ResourcePlan } from "../../../schema/plan.ts";
import { checkRanges } from "../../../schema/ranges.ts";
import { parseName } from "../../../schema/resource-name.ts";
import { type Cells, encodeCells } from "../../../schema/row.ts";
import type {
  CheckOperation,
  CreateOperation,
  DeleteOperation,
  ExecuteOperation,
  FillOperation,
  MendOperation,
  Operation,
  UpdateOperation,
} from "../../database.ts";

/** An operation whose message is decoded and checked. */
export type Prepared =
  | PreparedCreate
  | PreparedUpdate
  | DeleteOperation
  | CheckOperation
  | FillOperation
  | MendOperation
  | ExecuteOperation;

export interface PreparedCreate extends Omit<CreateOperation, "message"> {
  /** The bytes that the client sent, if it sent them as they are. */
  readonly given: Uint8Array | undefined;
  readonly message: Message;
  /** Absent if they depend on keys that are not given yet, as those of child rows do. */
  readonly cells: Cells | undefined;
}

export interface PreparedUpdate extends Omit<UpdateOperation, "message" | "mask"> {
  readonly key: bigint;
  readonly patch: Message;
  readonly mask: Mask;
  /** The etag that the row must have; none if empty. */
  readonly etag: string;
}

/** @throws StoreError INVALID_FIELD for a message or a mask that is not as it must be. */
export function prepareOperation(operation: Operation, registry: Registry): Prepared {
  switch (operation.kind) {
    case "create":
      return prepareCreate(operation, registry);
    case "update":
      return prepareUpdate(operation);
    default:
      return operation;
  }
}

function prepareCreate(operation: CreateOperation, registry: Registry): PreparedCreate {
  const { plan, message: given, path } = operation;
  const message = decode(plan, given, path);
  clearOutputOnly(plan.desc, message);
  return { ...operation, given, message, cells: checkNew(plan, message, path, registry) };
}

/** Checks a message that is to be a new row, and fills in its defaults. */
export function checkNew(
  plan: ResourcePlan,
  message: Message,
  path: string,
  registry: Registry,
): Cells | undefined {
  checkRequired(plan.desc, message, path);
  checkRanges(plan.desc, message, path);
  applyDefaults(plan, message);
  if (plan.children.length > 0) return undefined;
  plan.derive?.(message, undefined);
  return encodeCells(plan, message, registry, path);
}

function prepareUpdate(operation: UpdateOperation): PreparedUpdate {
  const { plan, message: bytes, mask: paths, path, ...rest } = operation;
  const patch = decode(plan, bytes, path);
  const source = reflect(plan.desc, patch);
  const name = source.get(plan.standard.name) as string;
  const etag = source.get(plan.standard.etag) as string;
  const key = parseName(plan.resource, name, `${path}.name`);
  clearOutputOnly(plan.desc, patch);
  const mask = resolveMask(plan, paths, patch);
  checkRequired(plan.desc, patch, path, requiredFields(plan, mask));
  return { ...rest, plan, path, key, patch, mask, etag };
}

function decode(plan: ResourcePlan, bytes: Uint8Array, path: string): Message {
  try {
    return fromBinary(plan.desc, bytes);
  } catch {
    // What a decoder says of a message is the user's data.
    throw invalidField(path, `cannot be decoded as ${plan.desc.typeName}`);
  }
}

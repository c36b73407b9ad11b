// Makes the bytes of rows that have none, because another program wrote them or they were there
// before the service was: from columns, JSON and child rows. Writes nothing.

import { fromBinary, type Message, type Registry, toBinary } from "@bufbuild/protobuf";
import { StoreError } from "../../errors.ts";
import { needsField, type ReadMask } from "../../query/read-mask.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import {
  type ResourceRow,
  rebuildReadable,
  trustedWire,
  unreadableFields,
} from "../../schema/row.ts";
import { damagedBytes, type RowFault } from "../../schema/row-fault.ts";
import type { RowDialect } from "./dialect.ts";
import { selectByKeys, selectSizes } from "./key-statements.ts";
import type { WholeRow } from "./row-set.ts";
import { allRows, type Steps } from "./steps.ts";
import { readWholeRows } from "./whole-rows.ts";

/** The bytes of a row, or why there are none. */
export type Rebuilt = Uint8Array | RowFault;

/** True for a row that cannot be answered with. */
export function isFault(rebuilt: Rebuilt): rebuilt is RowFault {
  return !(rebuilt instanceof Uint8Array);
}

/** The bytes of texts and JSON that are in memory at once, and those of one row that is larger. */
const REBUILT_BYTES = 4 * 1024 * 1024;

/** What rows are rebuilt with. */
export interface RebuildSource {
  readonly registry: Registry;
  readonly dialect: RowDialect;
}

/**
 * The bytes of the rows with these keys, in the transaction that is open. Fields that cannot be read
 * are left out if the mask has no need of them.
 */
export function* rebuildByKeys(
  { registry, dialect }: RebuildSource,
  plan: ResourcePlan,
  keys: readonly bigint[],
  mask: ReadMask,
): Steps<Map<bigint, Rebuilt>> {
  const rebuilt = new Map<bigint, Rebuilt>();
  for (const some of yield* keysTogether(plan, keys, dialect)) {
    for (const whole of yield* readWholeRows(plan, selectByKeys(plan, some, dialect), dialect)) {
      rebuilt.set(whole.row.key, rebuildWhole(plan, registry, whole, mask));
    }
  }
  return rebuilt;
}

/** The keys, as many at a time as have few bytes together. */
function* keysTogether(
  plan: ResourcePlan,
  keys: readonly bigint[],
  dialect: RowDialect,
): Steps<readonly (readonly bigint[])[]> {
  if (keys.length === 1) return [keys];
  const together: bigint[][] = [];
  let bytes = 0;
  const sizes = yield* allRows(selectSizes(plan, keys, dialect));
  for (const [key, size] of sizes as [bigint, bigint][]) {
    const some = together.at(-1);
    if (some && bytes + Number(size) <= REBUILT_BYTES) {
      some.push(key);
      bytes += Number(size);
    } else {
      together.push([key]);
      bytes = Number(size);
    }
  }
  return together;
}

/** The message of the bytes; undefined if the row has none that are to be trusted. */
export function readBytes(plan: ResourcePlan, row: ResourceRow): Message | "damaged" | undefined {
  try {
    const wire = trustedWire(plan, row);
    return wire && fromBinary(plan.desc, wire);
  } catch (error) {
    if (error instanceof StoreError && error.code !== "ROW_UNREADABLE") throw error;
    return "damaged";
  }
}

/** The bytes of a row. Fields that cannot be read are left out if the mask has no need of them. */
export function rebuildWhole(
  plan: ResourcePlan,
  registry: Registry,
  { row, children }: WholeRow,
  mask: ReadMask,
): Rebuilt {
  try {
    const wire = trustedWire(plan, row);
    if (wire) return wire;
    const { message, unreadable } = rebuildReadable(plan, row, children, registry);
    const needed = [...unreadable].filter(([field]) => needsField(plan, mask, field));
    if (needed.length > 0) return unreadableFields(plan, row.key, new Map(needed));
    return toBinary(plan.desc, message);
  } catch {
    return damagedBytes(plan, row.key);
  }
}

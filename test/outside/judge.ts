// What must hold of the file before and after a step, whoever took it: etags tell of every change and
// of nothing else, and revisions only grow.
// Looks at two states of the file; asks no service.

import { clone, equals, type Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import type { ResourcePlan } from "../../src/schema/plan.ts";
import type { Fault } from "./fault.ts";
import type { FileState, ResourceState } from "./file-state.ts";
import { rebuild } from "./rebuild.ts";
import { PLANS, REGISTRY } from "./tables.ts";

/** A row that a step made, changed or removed. */
export interface Change {
  readonly plan: ResourcePlan;
  readonly key: bigint;
  readonly before: ResourceState | undefined;
  readonly after: ResourceState | undefined;
}

/** The rows of resources that differ in any cell of theirs or of their child rows. */
export function changesOf(before: FileState, after: FileState): Change[] {
  return PLANS.flatMap((plan) => {
    const [old, now] = [before, after].map(({ resources }) => resources.get(plan.table));
    const keys = new Set([...(old?.keys() ?? []), ...(now?.keys() ?? [])]);
    return [...keys].flatMap((key) => {
      const [was, is] = [old?.get(key), now?.get(key)];
      return was?.text === is?.text ? [] : [{ plan, key, before: was, after: is }];
    });
  });
}

/** How strict the judgement of etags is. */
export interface EtagRules {
  /** Whether a row may have been made anew, or changed and changed back, within the step. */
  readonly mayReturn: (table: string) => boolean;
  /** Whether a new row may stay without a revision: a trigger of somebody ends the update of ours. */
  readonly mayStayUnmarked: (table: string) => boolean;
}

/** Whether the etags and revisions of the changed rows are as they must be. */
export function judgeEtags(
  changes: readonly Change[],
  before: FileState,
  after: FileState,
  rules: EtagRules,
): Fault[] {
  const faults = changes.flatMap((change) => judgeEtag(change, before, rules) ?? []);
  const seen = changes.some(isSeen);
  if (seen && after.revision <= before.revision) {
    const detail = `rows changed, and the revision of the file stayed ${after.revision}`;
    faults.push({ check: "revision of the file", detail });
  }
  return faults;
}

/** Whether a client sees that something changed. */
function isSeen(change: Change): boolean {
  const { plan, before, after } = change;
  if (!before || !after) return true;
  return contentOf(plan, before) !== contentOf(plan, after) && isOtherMessage(change);
}

function judgeEtag(change: Change, state: FileState, rules: EtagRules): Fault | undefined {
  const { plan, key, before, after } = change;
  if (!after) return undefined;
  const name = `${plan.table} ${key}`;
  const revision = (after.row.revision ?? 0n) as bigint;
  const old = before && ((before.row.revision ?? 0n) as bigint);
  const changed = !before || isOtherMessage(change);
  if (!before && after.row.revision === null && rules.mayStayUnmarked(plan.table)) return undefined;
  if (changed && revision === old) {
    return {
      check: `etag kept, ${plan.table}`,
      detail: `${name} changed, and its etag is still "${old}"`,
    };
  }
  if (changed && revision <= state.revision) {
    const detail = `${name} changed, and its revision is ${revision}, after ${state.revision}`;
    return { check: `revision is old, ${plan.table}`, detail };
  }
  if (before && revision !== old && !rules.mayReturn(plan.table)) {
    if (contentOf(plan, before) === contentOf(plan, after)) {
      const detail = `${name} did not change, and its etag went from "${old}" to "${revision}"`;
      return { check: `etag moved, ${plan.table}`, detail };
    }
  }
  return undefined;
}

/** All that a message is made of. */
function contentOf(plan: ResourcePlan, { row, children }: ResourceState): string {
  const names = [plan.key, "data", "created_at", ...plan.columns.map(({ name }) => name)];
  const own = names.map((name) => [typeof row[name], String(row[name])]);
  const lines = children.flat().map((child) => Object.values(child).map(String));
  return JSON.stringify([own, lines]);
}

function isOtherMessage({ plan, before, after }: Change): boolean {
  const [was, is] = [before, after].map((state) => state && rebuild(plan, state));
  if (!was || !is) return was !== is;
  return !equals(plan.desc, bare(plan, was), bare(plan, is), { registry: REGISTRY, unknown: true });
}

function bare(plan: ResourcePlan, message: Message): Message {
  return without(plan, message, [plan.standard.etag.name, plan.standard.updateTime.name]);
}

/** A copy of the message without the fields of these names. */
export function without(plan: ResourcePlan, message: Message, names: readonly string[]): Message {
  const copy = clone(plan.desc, message);
  const target = reflect(plan.desc, copy);
  for (const field of plan.desc.fields) if (names.includes(field.name)) target.clear(field);
  return copy;
}

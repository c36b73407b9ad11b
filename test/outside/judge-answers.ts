// What must hold of the answers of a step's calls: OK means that it is done and is as it was answered,
// an error means that nothing was done.

import { equals, fromJson, type JsonObject, type Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import type { ResourcePlan } from "../../src/schema/plan.ts";
import { type Answer, type Call, faultOfError, keyOf, methodOf, pathOf } from "./calls.ts";
import type { Fault } from "./fault.ts";
import { changedTables, type FileState } from "./file-state.ts";
import { without } from "./judge.ts";
import { rebuild } from "./rebuild.ts";
import { differenceOf } from "./served.ts";
import { PLANS, REGISTRY } from "./tables.ts";

/** What is known of the step and of what came before it. */
export interface Evidence {
  readonly before: FileState;
  readonly after: FileState;
  /** The keys that the service chose itself, by table, and all that were ever seen in the file. */
  readonly given: Map<string, Set<bigint>>;
  readonly seen: ReadonlyMap<string, ReadonlySet<bigint>>;
  /** Whether a trigger of a user writes the table. */
  readonly isTouched: (table: string) => boolean;
}

/** Judges the only call of a step. */
export function judgeAnswer(call: Call, answer: Answer, evidence: Evidence): Fault[] {
  const { before, after } = evidence;
  const changed = changedTables(before, after);
  if (!answer.message) {
    const reason = faultOfError(answer.error);
    const faults: Fault[] = [];
    if (reason) faults.push({ check: "error", detail: reason });
    if (changed.length > 0) {
      const detail = `it failed (${answer.error}) and changed ${changed.join(", ")}`;
      faults.push({ check: "error that changed the file", detail });
    }
    return faults;
  }
  if (call.request.validateOnly) {
    if (changed.length === 0) return [];
    return [{ check: "validate_only", detail: `it changed ${changed.join(", ")}` }];
  }
  const faults = itemsOf(call, answer.message).flatMap((item) => judgeItem(item, evidence));
  return call.method.startsWith("Update") && faults.length === 0
    ? judgeUpdate(call, evidence)
    : faults;
}

/** Judges calls that were made at once, of which some may have failed. */
export function judgeTogether(
  calls: readonly Call[],
  answers: readonly Answer[],
  evidence: Evidence,
): Fault[] {
  const faults = answers.flatMap(({ error }) => {
    const reason = error === undefined ? undefined : faultOfError(error);
    return reason ? [{ check: "error", detail: reason }] : [];
  });
  const plan = planOf(calls[0] as Call);
  const items = calls.flatMap((call, index) => {
    const message = answers[index]?.message;
    return message && !call.request.validateOnly ? itemsOf(call, message) : [];
  });
  // What one has made another may have changed or deleted.
  const order = calls.every(({ method }) => method.startsWith("Create")) ? "creates" : "any";
  faults.push(...items.flatMap((item) => judgeItem({ ...item, together: order }, evidence)));
  if (evidence.isTouched(plan.table)) return faults;
  const answered = new Set(items.map(({ key }) => key));
  const old = evidence.before.resources.get(plan.table);
  const strays = [...(evidence.after.resources.get(plan.table)?.keys() ?? [])].filter(
    (key) => !old?.has(key) && !answered.has(key),
  );
  if (strays.length > 0) {
    const detail = `${plan.table} ${strays.join(", ")} are there, and no call answered OK for them`;
    faults.push({ check: "error that changed the file", detail });
  }
  return faults;
}

/** One resource that a call was answered OK for. */
interface Item {
  readonly plan: ResourcePlan;
  readonly verb: string;
  readonly key: bigint;
  readonly request: JsonObject;
  /** What was answered; absent for a delete. */
  readonly message: Message | undefined;
  readonly alone: boolean;
  /** What other calls were made at once: none, only creates, or any. */
  readonly together?: "creates" | "any";
}

function itemsOf(call: Call, message: Message): Item[] {
  const plan = planOf(call);
  const [, isBatch, verb = ""] = /^(Batch)?(Create|Update|Delete)/.exec(call.method) ?? [];
  if (verb === "") return [];
  const requests = (isBatch ? call.request.requests : [call.request]) as JsonObject[];
  const alone = !isBatch;
  if (verb === "Delete") {
    return requests.map((request) => {
      const key = BigInt(String(request.name).split("/")[1] ?? -1);
      return { plan, verb, key, request, message: undefined, alone };
    });
  }
  const messages = isBatch ? listOf(call, message) : [message];
  return messages.map((item, index) => {
    const request = requests[index] as JsonObject;
    return { plan, verb, key: keyOf(plan, item), request, message: item, alone };
  });
}

function listOf(call: Call, message: Message): Message[] {
  const output = methodOf(call.table, call.method)?.output;
  const field = output?.fields.find((candidate) => candidate.fieldKind === "list");
  return (message as Message & Record<string, Message[]>)[field?.localName ?? ""] ?? [];
}

function judgeItem(item: Item, evidence: Evidence): Fault[] {
  if (item.verb === "Delete" && item.together) return [];
  return item.verb === "Delete" ? judgeDelete(item, evidence) : judgeStored(item, evidence);
}

function judgeStored(item: Item, evidence: Evidence): Fault[] {
  const { plan, verb, key, request, message, alone, together } = item;
  const faults: Fault[] = [];
  const name = `${plan.table} ${key}`;
  const state = evidence.after.resources.get(plan.table)?.get(key);
  const idField = `${pathOf(plan)}Id`;
  if (verb === "Create" && request[idField] === undefined) {
    faults.push(...judgeKey(plan.table, key, evidence));
  }
  const isOnly = together !== "any";
  if (isOnly && verb === "Create" && evidence.before.resources.get(plan.table)?.has(key)) {
    faults.push({ check: `create over a row, ${plan.table}`, detail: `${name} was there before` });
  }
  if (!state && !isOnly) return faults;
  if (!state)
    return [...faults, { check: `OK for nothing, ${plan.table}`, detail: `${name} is not there` }];
  const expected = rebuild(plan, state);
  const etag = `"${state.row.revision ?? 0}"`;
  // Another item, or another call, may have changed it since.
  const isLast = alone && !together;
  const answered = message as Message & { etag: string };
  if (!isLast && answered.etag !== etag) return faults;
  const difference = expected && differenceOf(plan, `${verb} answered`, answered, expected);
  return difference ? [...faults, { ...difference, check: `answer, ${plan.table}` }] : faults;
}

function judgeKey(table: string, key: bigint, { given, seen }: Evidence): Fault[] {
  const known = given.get(table) ?? new Set();
  given.set(table, known);
  const isTwice = known.has(key);
  known.add(key);
  if (isTwice) return [{ check: `id given twice, ${table}`, detail: `${table} ${key}` }];
  if (seen.get(table)?.has(key))
    return [{ check: `id of an old row, ${table}`, detail: `${table} ${key}` }];
  return [];
}

function judgeDelete({ plan, key, request, alone }: Item, evidence: Evidence): Fault[] {
  const { before, after } = evidence;
  const name = `${plan.table} ${key}`;
  const had = before.resources.get(plan.table)?.has(key);
  if (after.resources.get(plan.table)?.has(key)) {
    return [{ check: `OK for nothing, ${plan.table}`, detail: `${name} is still there` }];
  }
  if (!had && alone && !request.allowMissing) {
    return [{ check: `OK for nothing, ${plan.table}`, detail: `${name} was not there` }];
  }
  if (!had || !alone || request.force) return [];
  const referrer = referrersOf(plan, key, before);
  if (!referrer) return [];
  return [
    { check: `delete of what is in use, ${plan.table}`, detail: `${referrer} refers to ${name}` },
  ];
}

/** A row that refers to the resource, and that a delete without force must not touch. */
function referrersOf(plan: ResourcePlan, key: bigint, state: FileState): string | undefined {
  for (const other of PLANS) {
    for (const [otherKey, { row, children }] of state.resources.get(other.table) ?? []) {
      if (other === plan && otherKey === key) continue;
      const tables = [{ columns: other.columns, rows: [row] }].concat(
        other.children.map((child, index) => ({
          columns: child.columns,
          rows: [...(children[index] ?? [])],
        })),
      );
      const refers = tables.some(({ columns, rows }) =>
        columns.some(
          ({ reference, name }) =>
            reference === plan.resource && rows.some((cells) => cells[name] === key),
        ),
      );
      if (refers) return `${other.table} ${otherKey}`;
    }
  }
  const link = plan.links.find(({ deletes }) => deletes === "forced");
  const isLinked = link && state.links.some((row) => row[link.column] === key);
  return isLinked ? link.table : undefined;
}

/** An update changes what its mask names, and nothing else. */
function judgeUpdate(call: Call, { before, after, isTouched }: Evidence): Fault[] {
  const plan = planOf(call);
  if (isTouched(plan.table) || plan.children.some(({ table }) => isTouched(table))) return [];
  const json = call.request[pathOf(plan)] as JsonObject;
  const patch = fromJson(plan.desc, json, { registry: REGISTRY });
  const key = keyOf(plan, patch);
  const [was, is] = [before, after].map(({ resources }) => resources.get(plan.table)?.get(key));
  const old = was && rebuild(plan, was);
  const now = is && rebuild(plan, is);
  if (!old || !now) return [];
  const paths = call.request.updateMask as string | undefined;
  const set = reflect(plan.desc, patch);
  const masked = plan.desc.fields
    .filter((field) => (paths ? paths.split(",").includes(field.jsonName) : set.isSet(field)))
    .filter((field) => !Object.values(plan.standard).includes(field))
    // A member of a oneof clears the others.
    .flatMap((field) => field.oneof?.fields ?? field)
    .map(({ name }) => name);
  const derived = masked.includes("lines") ? ["total"] : [];
  const kept = [...masked, ...derived, "etag", "update_time"];
  const same = equals(plan.desc, without(plan, old, kept), without(plan, now, kept));
  if (same) return [];
  const detail = `mask ${masked.join(", ")}: ${JSON.stringify(was?.text)} became ${JSON.stringify(is?.text)}`;
  return [{ check: `update beyond its mask, ${plan.table}`, detail }];
}

function planOf(call: Call): ResourcePlan {
  return PLANS.find(({ table }) => table === call.table) as ResourcePlan;
}

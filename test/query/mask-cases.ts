// Random masks and pairs of messages for the tests of masks, and what a mask means on ProtoJSON
// objects, worked out in another way than the code under test does it.

import {
  clone,
  create,
  createFileRegistry,
  type DescField,
  type DescMessage,
  type JsonObject,
  type JsonValue,
  type Message,
  ScalarType,
  setExtension,
  toJson,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { FieldOptionsSchema, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { FieldBehavior, field_behavior } from "../../gen/google/api/field_behavior_pb.ts";
import { planResources, type ResourcePlan } from "../../src/schema/plan.ts";
import { ArbitraryMaker } from "../support/arbitrary-message.ts";
import { EVERYTHING, EVERYTHING_REGISTRY as registry } from "../support/everything.ts";
import { testRegistry } from "../support/protos.ts";

/** One step of a random path; a member is that of a google.protobuf.Struct. */
export interface TestStep {
  readonly kind: "field" | "key" | "member" | "each";
  readonly name: string;
}

export type TestPath = readonly TestStep[];
export type Random = () => number;

/** Numbers from 0 to below 1, so that a seed names a test (mulberry32). */
export function randomOf(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function pick<T>(random: Random, values: readonly T[]): T {
  return values[Math.floor(random() * values.length)] as T;
}

/** ProtoJSON with the names that paths have. */
export function jsonOf(message: Message): JsonObject {
  return toJson(EVERYTHING, message, { registry, useProtoFieldName: true }) as JsonObject;
}

const IMMUTABLE = new Set(["j_immutable", "j_immutable_node"]);

/** Set SEED to run the same masks again; it is in the names of the tests. */
export const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);

let pool: readonly Message[] | undefined;

/** A message that ProtoJSON has a form for, and another that has much in common with it. */
export function randomPair(seed: number): { current: Message; patch: Message } {
  const random = randomOf(seed);
  pool ??= randomPool();
  const current = clone(EVERYTHING, pick(random, pool));
  const patch = clone(EVERYTHING, current);
  const other = reflect(EVERYTHING, clone(EVERYTHING, pick(random, pool)));
  mix(reflect(EVERYTHING, patch), other, random);
  return { current, patch };
}

/** Made once: to find messages that have a JSON form takes longer than all the rest. */
function randomPool(): readonly Message[] {
  const random = randomOf(SEED);
  return Array.from({ length: 200 }, () => randomMessage(random));
}

function randomMessage(random: Random): Message {
  // Random values of well-known types often have no JSON form: Any and FieldMask more than not.
  const skip = ({ name, message }: DescField) =>
    IMMUTABLE.has(name) ||
    name === "line_id" ||
    message?.typeName === "google.protobuf.Any" ||
    message?.typeName === "google.protobuf.FieldMask";
  for (;;) {
    const maker = new ArbitraryMaker(random() * 2 ** 32, { registry, storable: false, skip });
    const { message } = maker.message(EVERYTHING, 0);
    try {
      jsonOf(message);
      return message;
    } catch {
      // Once more.
    }
  }
}

/** Takes some fields from `other`, at any depth. */
function mix(target: ReflectMessage, other: ReflectMessage, random: Random): void {
  for (const field of target.fields) {
    if (random() < 0.4) {
      if (other.isSet(field)) target.set(field, other.get(field));
      else target.clear(field);
    } else if (field.message?.typeName === "everything.v1.Node" && target.isSet(field)) {
      const items =
        field.fieldKind === "list" || field.fieldKind === "map"
          ? [...target.get(field).values()]
          : [target.get(field)];
      const source = new ArbitraryMaker(random() * 2 ** 32, {
        registry,
        storable: false,
        skip: ({ message }) => message !== undefined,
      });
      for (const item of items as ReflectMessage[]) mix(item, source.message(item.desc, 1), random);
    }
  }
}

/** Random paths that fit the messages: keys that they have, wildcards on lists that match. */
export function randomPaths(seed: number, messages: readonly JsonValue[]): readonly TestPath[] {
  const random = randomOf(seed);
  const count = 1 + Math.floor(random() * 8);
  return Array.from({ length: count }, () => {
    const fields = EVERYTHING.fields.filter(({ name }) => !IMMUTABLE.has(name));
    const deep = fields.filter(({ fieldKind, message }) => fieldKind === "map" || message);
    return randomPath(random, pick(random, random() < 0.5 ? deep : fields), [messages]);
  });
}

type Versions = readonly (JsonValue | undefined)[];

/** `places` has, for each place that the path may lead to, what the messages have there. */
function randomPath(random: Random, field: DescField, places: readonly Versions[]): TestPath {
  const here: TestStep = { kind: "field", name: field.name };
  const values = places.map((versions) => versions.map((json) => child(json, field.name)));
  const nested = field.message;
  const goesOn = nested && random() < 0.75;
  switch (field.fieldKind) {
    case "list": {
      const lists = values.map((versions) => versions.map((list) => (list ?? []) as JsonValue[]));
      const matches = lists.every((versions) =>
        versions.every((list) => list.length === versions[0]?.length),
      );
      if (!goesOn || !matches) return [here];
      const elements = lists.flatMap((versions) =>
        (versions[0] ?? []).map((_, i) => versions.map((list) => list[i])),
      );
      const rest = randomRest(random, nested, elements);
      return rest.length === 0 ? [here] : [here, { kind: "each", name: "*" }, ...rest];
    }
    case "map": {
      if (random() < 0.2) return [here];
      const keys = values.flat().flatMap((map) => Object.keys(map ?? {}));
      if (goesOn && random() < 0.4) {
        const entries = values.flatMap((versions) =>
          versions
            .flatMap((map) => Object.keys(map ?? {}))
            .map((key) => versions.map((map) => child(map, key))),
        );
        const rest = randomRest(random, nested, entries);
        if (rest.length > 0) return [here, { kind: "each", name: "*" }, ...rest];
      }
      const name = pick(random, [...keys, ...keys, randomKey(random, field.mapKey)]);
      const entries = values.map((versions) => versions.map((map) => child(map, name)));
      const rest = goesOn ? randomRest(random, nested, entries) : [];
      return [here, { kind: "key", name }, ...rest];
    }
    default:
      return goesOn ? [here, ...randomRest(random, nested, values)] : [here];
  }
}

function randomRest(random: Random, desc: DescMessage, places: readonly Versions[]): TestPath {
  if (desc.typeName === "google.protobuf.Struct") return randomMembers(random, places.flat());
  if (desc.typeName.startsWith("google.protobuf.")) return [];
  return randomPath(random, pick(random, desc.fields), places);
}

function randomMembers(random: Random, structs: readonly (JsonValue | undefined)[]): TestPath {
  const keys = structs.flatMap((json) => (isObject(json) ? Object.keys(json) : []));
  const name = pick(random, [...keys, ...keys, "a", "new"]);
  const rest = structs.map((json) => child(json, name));
  const step: TestStep = { kind: "member", name };
  return random() < 0.4 ? [step, ...randomMembers(random, rest)] : [step];
}

function randomKey(random: Random, type: ScalarType): string {
  if (type === ScalarType.BOOL) return pick(random, ["true", "false"]);
  if (type === ScalarType.STRING) return pick(random, ["new", "gift wrap", "`", "*", ".", ""]);
  return pick(random, ["0", "1", "7"]);
}

function isObject(json: JsonValue | undefined): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function child(json: JsonValue | undefined, name: string): JsonValue | undefined {
  return isObject(json) && Object.hasOwn(json, name) ? json[name] : undefined;
}

/** The path as it is written in a mask. */
export function textOf(path: TestPath): string {
  const segments = path.map(({ kind, name }) => {
    const isBare = /^(?:[A-Za-z0-9_]+|-[0-9]+)$/.test(name);
    if (isBare || kind === "each" || kind === "field") return name;
    return `\`${name.replaceAll("`", "``")}\``;
  });
  return segments.join(".");
}

/** The JSON of `current` with what the paths select taken from that of `patch`. */
export function updateJson(
  current: JsonObject,
  patch: JsonObject,
  paths: readonly TestPath[],
): JsonObject {
  let result = current;
  // Again, as a path may make an entry that a wildcard then changes.
  for (let before: string | undefined; before !== JSON.stringify(result); ) {
    before = JSON.stringify(result);
    for (const path of paths) result = take(structuredClone(result), patch, path) as JsonObject;
  }
  return result;
}

function take(target: JsonValue, source: JsonValue | undefined, path: TestPath): JsonValue {
  const [step, ...rest] = path;
  if (!step) return source as JsonValue;
  if (Array.isArray(target)) {
    return target.map((item, i) => take(item, (source as JsonValue[] | undefined)?.[i], rest));
  }
  const object = target as JsonObject;
  const names = step.kind === "each" ? Object.keys(object) : [step.name];
  for (const name of names) {
    const [old, value] = [child(object, name), child(source, name)];
    if (rest.length === 0) put(object, name, value);
    else if (step.kind === "member") {
      if (isObject(old)) put(object, name, take(old, isObject(value) ? value : {}, rest));
      else if (isObject(value)) put(object, name, take({}, value, rest));
    } else if (old !== undefined || value !== undefined) {
      const isMap = rest[0]?.kind === "key" || rest[0]?.kind === "each";
      const empty = Array.isArray(value) ? [] : {};
      const taken = take(old ?? empty, value, rest);
      put(object, name, isMap && isObject(taken) && isEmpty(taken) ? undefined : taken);
    }
  }
  return object;
}

function isEmpty(json: JsonObject): boolean {
  return Object.keys(json).length === 0;
}

function put(object: JsonObject, name: string, value: JsonValue | undefined): void {
  if (name.startsWith("j_choice_") && value !== undefined) {
    for (const arm of Object.keys(object)) if (arm.startsWith("j_choice_")) delete object[arm];
  }
  if (value === undefined) delete object[name];
  else
    Object.defineProperty(object, name, {
      value,
      enumerable: true,
      writable: true,
      configurable: true,
    });
}

/** Every value in the JSON by its place; what is on the way to others counts as a place, too. */
export function placesOf(json: JsonValue, place: readonly string[] = []): Map<string, JsonValue> {
  if (typeof json !== "object" || json === null) return new Map([[JSON.stringify(place), json]]);
  const entries = Object.entries(json).flatMap(([name, value]) => [
    ...placesOf(value, [...place, name]),
  ]);
  return new Map([[JSON.stringify(place), Array.isArray(json) ? [] : {}], ...entries]);
}

/** True if the place is in what the path selects, or on the way to it. */
export function isOn(path: TestPath, place: string): "in" | "way" | undefined {
  const names = JSON.parse(place) as string[];
  const fits = names.every((name, i) => {
    const step = path[i];
    return !step || step.kind === "each" || step.name === name;
  });
  if (!fits) return undefined;
  return names.length < path.length ? "way" : "in";
}

/** Everything with behaviors in its nested messages, which test/proto has none of. */
export function guardedPlan(behaviors: Readonly<Record<string, FieldBehavior>>): ResourcePlan {
  const file = clone(FileDescriptorProtoSchema, EVERYTHING.file.proto);
  for (const [path, behavior] of Object.entries(behaviors)) {
    const [messageName, fieldName] = path.split(".");
    const message = file.messageType.find(({ name }) => name === messageName);
    const field = message?.field.find(({ name }) => name === fieldName);
    if (!field) throw new Error(`there is no field ${path}`);
    field.options ??= create(FieldOptionsSchema);
    setExtension(field.options, field_behavior, [behavior]);
  }
  const guarded = createFileRegistry(file, (name) => testRegistry().getFile(name));
  const desc = guarded.getMessage(EVERYTHING.typeName);
  if (!desc) throw new Error(`there is no ${EVERYTHING.typeName}`);
  return planResources([{ resource: desc }])[0] as ResourcePlan;
}

export { FieldBehavior };

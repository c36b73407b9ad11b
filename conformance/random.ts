// Random numbers, and random messages made from descriptors: a seed names them. What a server refuses
// is learned field by field: the field gets a value that the server itself has, or is left out.

import {
  create,
  type DescField,
  type DescMessage,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { behaves, FieldBehavior, isWritable, type Resource, referenceOf } from "./discover.ts";
import { specialMessage } from "./random-special.ts";
import type { Random } from "./seeded.ts";

/** What messages are made from. */
export interface MakerSources {
  readonly resource: Resource;
  readonly random: Random;
  /** The names of existing resources of a type. */
  namesOf(type: string): readonly string[];
  /** Resources that the server has. */
  readonly samples: readonly Message[];
}

/** How a field is filled: at random, from what the server has, or not at all. */
type Fill = "random" | "sample" | "none";

const MAX_DEPTH = 3;
const WORDS = ["oak", "Elm", "ash", "dün", "Åsa", "日本", "o'n", "x-y", "a b"];
/** The first of the numbers that have four digits in base 36: all texts are about as long. */
const FIRST_SERIAL = 36 ** 3;

/** Makes messages of one resource that its server accepts. */
export class MessageMaker {
  readonly #sources: MakerSources;
  readonly #fills = new Map<string, Fill>();
  #serial = FIRST_SERIAL;

  constructor(sources: MakerSources) {
    this.#sources = sources;
  }

  /** The names of resources that the server has. */
  get sampleNames(): readonly string[] {
    const { resource, samples } = this.#sources;
    return samples.map((sample) => reflect(resource.desc, sample).get(resource.name) as string);
  }

  /** The fields that are not filled at random, for the report. */
  get learned(): readonly string[] {
    return [...this.#fills].map(([path, fill]) =>
      fill === "none" ? `${path} is left out` : `${path} is as in existing rows`,
    );
  }

  /** A resource that a client may send; if `full`, with every field that it may set. */
  make(full = false): Message {
    const { resource } = this.#sources;
    const target = reflect(resource.desc, create(resource.desc));
    this.#fill(target, "", 0, full, (field) => isWritable(resource, field));
    return target.message;
  }

  /** Another value for a field of the resource: it is set in the answer, and in nothing else. */
  makeField(field: DescField): Message {
    const { desc } = this.#sources.resource;
    const target = reflect(desc, create(desc));
    this.#set(target, field, field.name, 0, true);
    return target.message;
  }

  /** True if it makes the field at all. */
  fills(path: string): boolean {
    return this.#fills.get(path) !== "none";
  }

  /** Takes note that the server refuses what is at `path`; false if nothing is left to try. */
  learn(path: string): boolean {
    const field = this.#fieldAt(path);
    if (!field) return false;
    const before = this.#fills.get(path) ?? "random";
    if (before === "none") return false;
    const sampled = before === "random" && this.#sampleValues(path).length > 0;
    if (!sampled && behaves(field, FieldBehavior.REQUIRED)) return false;
    this.#fills.set(path, sampled ? "sample" : "none");
    return true;
  }

  #fieldAt(path: string): DescField | undefined {
    let desc: DescMessage | undefined = this.#sources.resource.desc;
    let field: DescField | undefined;
    for (const segment of path.split(".")) {
      field = desc?.fields.find(({ name }) => name === segment);
      desc = field?.message;
    }
    return field;
  }

  #fill(
    target: ReflectMessage,
    prefix: string,
    depth: number,
    full: boolean,
    may: (field: DescField) => boolean,
  ): void {
    const { random } = this.#sources;
    for (const member of target.members) {
      const field = member.kind === "oneof" ? random.pick(member.fields) : member;
      if (!may(field)) continue;
      const isRequired = behaves(field, FieldBehavior.REQUIRED);
      if (!isRequired && !full && !random.chance(0.6)) continue;
      this.#set(target, field, `${prefix}${field.name}`, depth, full || isRequired);
    }
  }

  #set(target: ReflectMessage, field: DescField, path: string, depth: number, some: boolean) {
    const fill = this.#fills.get(path) ?? "random";
    if (fill === "none") return;
    if (fill === "sample") {
      const found = this.#sampleValues(path);
      if (found.length > 0) copyValue(this.#sources.random.pick(found), field, target);
      return;
    }
    const count = Number(some) + this.#sources.random.below(3);
    if (field.fieldKind === "list") {
      for (let n = 0; n < count; n++) {
        const value = this.#element(field, path, depth, some);
        if (value !== undefined) target.get(field).add(value);
      }
    } else if (field.fieldKind === "map") {
      for (let n = 0; n < count; n++) {
        const value = this.#element(field, path, depth, some);
        if (value !== undefined) target.get(field).set(this.#mapKey(field.mapKey), value);
      }
    } else {
      const value = this.#element(field, path, depth, some);
      if (value !== undefined) target.set(field, value);
    }
  }

  #element(field: DescField, path: string, depth: number, full: boolean): unknown {
    const { random } = this.#sources;
    const reference = referenceOf(field);
    if (reference !== undefined) {
      const names = this.#sources.namesOf(reference);
      return names.length > 0 ? random.pick(names) : undefined;
    }
    if (field.enum) {
      const numbers = field.enum.values.map(({ number }) => number).filter((n) => n !== 0);
      return numbers.length > 0 ? random.pick(numbers) : 0;
    }
    if (field.message) return this.#message(field.message, path, depth, full);
    return this.#scalar(field.scalar as ScalarType);
  }

  #message(desc: DescMessage, path: string, depth: number, full: boolean): unknown {
    if (desc.typeName.startsWith("google.")) return specialMessage(desc, this.#sources.random);
    const target = reflect(desc, create(desc));
    if (depth >= MAX_DEPTH) return target;
    const may = (field: DescField) => !behaves(field, FieldBehavior.OUTPUT_ONLY);
    this.#fill(target, `${path}.`, depth + 1, full, may);
    return target;
  }

  #mapKey(type: ScalarType): string | number | bigint | boolean {
    if (type === ScalarType.STRING) return `key_${this.#serial++}`;
    return this.#scalar(type) as number | bigint | boolean;
  }

  #scalar(type: ScalarType): string | number | bigint | boolean | Uint8Array {
    const { random } = this.#sources;
    switch (type) {
      case ScalarType.STRING:
        return `${random.pick(WORDS)} ${(this.#serial++).toString(36)}`;
      case ScalarType.BYTES:
        return Uint8Array.from({ length: 1 + random.below(8) }, () => random.below(256));
      case ScalarType.BOOL:
        return true;
      case ScalarType.DOUBLE:
      case ScalarType.FLOAT:
        return (1 + random.below(1000)) / 4;
      case ScalarType.INT32:
      case ScalarType.UINT32:
      case ScalarType.SINT32:
      case ScalarType.FIXED32:
      case ScalarType.SFIXED32:
        return 1 + random.below(100);
      default:
        return BigInt(1 + random.below(100_000));
    }
  }

  /** The messages among the samples, or in them, that have the field at `path`. */
  #sampleValues(path: string): ReflectMessage[] {
    const { resource, samples } = this.#sources;
    let holders = samples.map((sample) => reflect(resource.desc, sample));
    const segments = path.split(".");
    const last = segments.pop();
    for (const segment of segments) holders = holders.flatMap((each) => nested(each, segment));
    return holders.filter((holder) => {
      const field = holder.fields.find(({ name }) => name === last);
      return field !== undefined && holder.isSet(field);
    });
  }
}

function nested(holder: ReflectMessage, name: string): ReflectMessage[] {
  const field = holder.fields.find((each) => each.name === name);
  if (!field?.message || !holder.isSet(field)) return [];
  if (field.fieldKind === "message") return [holder.get(field)];
  if (field.fieldKind === "list") return [...holder.get(field)] as ReflectMessage[];
  return field.fieldKind === "map" ? ([...holder.get(field).values()] as ReflectMessage[]) : [];
}

/** Puts a field of `source` in the place of that of `target`. */
export function copyValue(source: ReflectMessage, field: DescField, target: ReflectMessage): void {
  target.clear(field);
  if (!source.isSet(field)) return;
  if (field.fieldKind === "list") {
    for (const item of source.get(field)) target.get(field).add(item);
  } else if (field.fieldKind === "map") {
    for (const [key, value] of source.get(field)) target.get(field).set(key, value);
  } else {
    target.set(field, source.get(field));
  }
}

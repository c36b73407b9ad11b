// The meaning of a filter, over messages in memory, as docs/filtering.md has it. Shares the parser's
// tree with the service and nothing else, so that it can tell when the SQL is wrong.

import {
  type DescField,
  type DescMessage,
  fromJson,
  type Registry,
  ScalarType,
  toBinary,
  toJsonString,
} from "@bufbuild/protobuf";
import type { ReflectMessage } from "@bufbuild/protobuf/reflect";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import type { FilterNode, Literal, RestrictionNode } from "../../../src/query/filter/ast.ts";
import { columnOf, referenceOf } from "../../../src/schema/options.ts";

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** What is compared: a kind and a value of it. */
type Typed =
  | {
      readonly is: "ordered";
      readonly value: unknown;
      readonly order: (literal: Literal) => number;
    }
  | { readonly is: "text"; readonly value: string }
  | { readonly is: "json"; readonly value: Json }
  /** Stored as bytes, so that nothing is known of it. */
  | { readonly is: "opaque" };

/** True if the message is what the filter asks for. */
export function evaluate(node: FilterNode, root: ReflectMessage, registry: Registry): boolean {
  switch (node.kind) {
    case "and":
      return node.terms.every((term) => evaluate(term, root, registry));
    case "or":
      return node.terms.some((term) => evaluate(term, root, registry));
    case "not":
      return !evaluate(node.term, root, registry);
    case "bare":
      return searched(root.desc).some((field) =>
        fold(root.get(field as never) as string).includes(fold(node.literal.text)),
      );
    case "restriction": {
      const names = node.path.map(({ text }) => text);
      return inMessage(root, names, { node, registry });
    }
  }
}

const fold = (text: string) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

function searched(desc: DescMessage): DescField[] {
  const known = searchedFields.get(desc);
  if (known) return known;
  const fields = desc.fields.filter(
    (field) =>
      field.fieldKind === "scalar" &&
      field.scalar === ScalarType.STRING &&
      columnOf(field) !== undefined &&
      referenceOf(field) === undefined,
  );
  searchedFields.set(desc, fields);
  return fields;
}

const searchedFields = new WeakMap<DescMessage, DescField[]>();

interface Context {
  readonly node: RestrictionNode;
  readonly registry: Registry;
}

const isPresenceTest = ({ operator, literal }: RestrictionNode) =>
  operator === ":" && !literal.quoted && literal.text === "*";

function inMessage(message: ReflectMessage, [name, ...rest]: string[], context: Context): boolean {
  const { node } = context;
  const field = fieldOf(message.desc, name as string);
  if (field.fieldKind === "list") {
    const items = [...message.get(field)];
    if (rest.length === 0 && isPresenceTest(node)) return items.length > 0;
    return items.some((item) => inElement(item, field, rest, context));
  }
  if (field.fieldKind === "map") {
    const entries = new Map([...message.get(field)].map(([key, value]) => [String(key), value]));
    const [key, ...inner] = rest;
    if (key !== undefined) {
      return entries.has(key) && inElement(entries.get(key), field, inner, context);
    }
    return isPresenceTest(node) ? entries.size > 0 : entries.has(node.literal.text);
  }
  const hasPresence = field.presence !== FeatureSet_FieldPresence.IMPLICIT;
  if (hasPresence && !message.isSet(field)) return false;
  if (rest.length === 0 && isPresenceTest(node)) {
    if (field.message?.typeName === "google.protobuf.ListValue") {
      const list = jsonOf(message.get(field) as ReflectMessage, context.registry);
      return Array.isArray(list) && list.length > 0;
    }
    return hasPresence || !isDefault(message.get(field));
  }
  return inElement(message.get(field), field, rest, context);
}

function fieldOf(desc: DescMessage, name: string): DescField {
  const fields = byName.get(desc) ?? new Map(desc.fields.map((field) => [field.name, field]));
  byName.set(desc, fields);
  return fields.get(name) as DescField;
}

const byName = new WeakMap<DescMessage, Map<string, DescField>>();

function isDefault(value: unknown): boolean {
  if (value instanceof Uint8Array) return value.length === 0;
  return value === "" || value === false || value === 0n || value === 0;
}

/** A value of a field: of a singular one, of an element of a list, or of a map. */
function inElement(value: unknown, field: DescField, rest: string[], context: Context): boolean {
  const { node, registry } = context;
  const name = field.message?.typeName ?? "";
  if (/^google\.protobuf\.(?:Struct|Value|ListValue)$/.test(name)) {
    const json = jsonOf(value as ReflectMessage, registry);
    if (rest.length === 0 && isPresenceTest(node)) return true;
    if (json === undefined) return false;
    if (name.endsWith(".ListValue")) {
      return (json as Json[]).some((item) => compareJson(item, "=", node.literal));
    }
    if (name.endsWith(".Struct") && rest.length === 0) return hasMember(json, node.literal.text);
    return inJson(json, rest, node);
  }
  if (rest.length > 0) return inMessage(value as ReflectMessage, rest, context);
  if (isPresenceTest(node)) return true;
  return compare(typed(value, field, registry), node);
}

/** The JSON of a well-known type; undefined if it has none that is read back as it was. */
export function jsonOf(value: ReflectMessage, registry: Registry): Json | undefined {
  const { message } = value;
  if (!known.has(message)) known.set(message, readJson(value, registry));
  return known.get(message);
}

/** What was made of a message before: there are far more filters than messages. */
const known = new WeakMap<object, Json | undefined>();

function readJson({ desc, message }: ReflectMessage, registry: Registry): Json | undefined {
  try {
    // By way of text, which has no -0.
    const json = JSON.parse(toJsonString(desc, message, { registry }));
    const back = toBinary(desc, fromJson(desc, json, { registry }));
    if (!Buffer.from(back).equals(toBinary(desc, message))) return undefined;
    const [first] = typeof json === "object" && json !== null ? Object.keys(json) : [];
    return first === "$wire" ? undefined : (json as Json);
  } catch {
    return undefined;
  }
}

const isObject = (json: Json | undefined): json is { [key: string]: Json } =>
  typeof json === "object" && json !== null && !Array.isArray(json);

const hasMember = (json: Json, name: string) => isObject(json) && Object.hasOwn(json, name);

function inJson(json: Json, path: string[], node: RestrictionNode): boolean {
  const [name, ...rest] = path;
  if (name !== undefined) {
    return isObject(json) && Object.hasOwn(json, name) && inJson(json[name] as Json, rest, node);
  }
  if (isPresenceTest(node)) return true;
  // An object with this member cannot be told from one that is kept as bytes.
  if (isObject(json) && Object.hasOwn(json, "$wire")) return false;
  if (node.operator !== ":") return compareJson(json, node.operator, node.literal);
  const list = Array.isArray(json) ? json : [];
  return [json, ...list].some((item) => compareJson(item, "=", node.literal));
}

function compareJson(json: Json, operator: string, literal: Literal): boolean {
  if (operator === "!=") return !compareJson(json, "=", literal);
  if (literal.quoted && literal.pieces.length > 1) {
    return typeof json === "string" && matches(json, literal.pieces);
  }
  const wanted = jsonLiteral(literal);
  if (typeof wanted === "number" && typeof json === "number") return holds(operator, json - wanted);
  if (typeof wanted === "string" && typeof json === "string") {
    return holds(operator, compareText(json, wanted));
  }
  return operator === "=" && json === wanted;
}

function jsonLiteral({ text, quoted }: Literal): Json {
  if (quoted) return text;
  if (text === "null") return null;
  if (text === "true" || text === "false") return text === "true";
  return /^-?[\d.]/.test(text) && !Number.isNaN(Number(text)) ? Number(text) : text;
}

function holds(operator: string, order: number): boolean {
  switch (operator) {
    case "!=":
      return order !== 0;
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case ">":
      return order > 0;
    case ">=":
      return order >= 0;
    default:
      return order === 0;
  }
}

/** By code points, which is by bytes of UTF-8. */
function compareText(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function compareAny(a: bigint | number, b: bigint | number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function compare(value: Typed, { operator, literal }: RestrictionNode): boolean {
  switch (value.is) {
    case "opaque":
      return false;
    case "text":
      if ((operator === "=" || operator === "!=") && literal.pieces.length > 1) {
        return matches(value.value, literal.pieces) === (operator === "=");
      }
      return holds(operator, compareText(value.value, literal.text));
    case "ordered":
      return holds(operator, value.order(literal));
    case "json":
      return compareJson(value.value, operator, literal);
  }
}

function matches(text: string, pieces: readonly string[]): boolean {
  const source = pieces.map((piece) => piece.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")).join(".*");
  return new RegExp(`^${source}$`, "su").test(text);
}

function typed(value: unknown, field: DescField, registry: Registry): Typed {
  if (field.message) {
    return typedMessage(value as ReflectMessage, field, registry);
  }
  if (field.enum) {
    const desc = field.enum;
    const order = ({ text }: Literal) =>
      compareAny(value as number, desc.values.find((v) => v.name === text)?.number ?? Number.NaN);
    return { is: "ordered", value, order: (literal) => (order(literal) === 0 ? 0 : 1) };
  }
  return typedScalar(value, field.scalar as ScalarType);
}

function typedScalar(value: unknown, type: ScalarType): Typed {
  const ordered = (order: (literal: Literal) => number): Typed => ({ is: "ordered", value, order });
  switch (type) {
    case ScalarType.STRING:
      return { is: "text", value: value as string };
    case ScalarType.BOOL:
      return ordered(({ text }) => (String(value) === text ? 0 : 1));
    case ScalarType.BYTES:
      return ordered(({ text }) => Buffer.from(text, "base64").compare(value as Uint8Array));
    case ScalarType.DOUBLE:
      return ordered(({ text }) => compareFloats(value as number, Number(text)));
    case ScalarType.FLOAT:
      return ordered(({ text }) => compareFloats(value as number, Math.fround(Number(text))));
    default:
      return ordered(({ text }) => compareAny(BigInt(value as bigint | number), BigInt(text)));
  }
}

/** NaN is one value, above all others. */
function compareFloats(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return compareAny(a, b);
}

/** The fields of the well-known types that are compared as a whole. */
interface Parts {
  readonly seconds: bigint;
  readonly nanos: number;
  readonly units: bigint;
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

const NANOS = 1_000_000_000n;

function typedMessage(message: ReflectMessage, field: DescField, registry: Registry): Typed {
  const { desc } = message;
  const plain = message.message as unknown as Parts;
  const ordered = (order: (literal: Literal) => number): Typed => ({
    is: "ordered",
    value: plain,
    order,
  });
  const instant = () => BigInt(plain.seconds) * NANOS + BigInt(plain.nanos);
  switch (desc.typeName) {
    case "google.protobuf.Timestamp":
      // JSON has no form for unknown fields beside it; a column has the time alone.
      if (!columnOf(field) && jsonOf(message, registry) === undefined) return { is: "opaque" };
      return ordered(({ text }) => compareAny(instant(), parseInstant(text)));
    case "google.protobuf.Duration":
      // JSON has no form for more than 10,000 years; a column has.
      if (!columnOf(field) && jsonOf(message, registry) === undefined) return { is: "opaque" };
      return ordered(({ text }) => compareAny(instant(), scaled(text.slice(0, -1), 9)));
    case "google.type.Money": {
      const [units, nanos] = [BigInt(plain.units), BigInt(plain.nanos)];
      const isValid = nanos > -NANOS && nanos < NANOS && units * nanos >= 0n;
      if (!isValid) return { is: "opaque" };
      const places = 20;
      const amount = (units * NANOS + nanos) * 10n ** BigInt(places - 9);
      return ordered(({ text }) => compareAny(amount, scaled(text, places)));
    }
    case "google.type.Date": {
      const parts = [plain.year, plain.month, plain.day];
      return ordered(({ text }) => {
        const wanted = text.split("-").map(Number);
        const at = parts.findIndex((part, index) => part !== wanted[index]);
        return at < 0 ? 0 : (parts[at] as number) - (wanted[at] as number);
      });
    }
    default: {
      const inner = desc.fields[0] as DescField;
      if (jsonOf(message, registry) === undefined) return { is: "opaque" };
      return typedScalar(message.get(inner), inner.scalar as ScalarType);
    }
  }
}

function scaled(text: string, places: number): bigint {
  const [whole = "", fraction = ""] = text.split(".");
  return BigInt(`${whole}${fraction.padEnd(places, "0")}`);
}

function parseInstant(text: string): bigint {
  const [, seconds = "", fraction = "", zone = ""] =
    /^(.{19})(?:\.(\d+))?(Z|[+-].*)$/.exec(text) ?? [];
  return BigInt(Date.parse(seconds + zone)) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
}

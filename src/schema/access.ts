// Direct access to the fields of messages in memory: what the reflection API does at each call is
// decided once per field. Values are as protobuf-es keeps them: a wrapper outside of lists, maps and
// oneofs is its bare value, a Struct in a field is a JSON object. Converts and checks nothing.

import type { DescField, Message } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { SCALARS } from "./types/all-kinds.ts";
import { enumZeroTest } from "./types/enum.ts";

export interface FieldAccess {
  /** The value if the field is set, by the rule of its presence; undefined if it is not. */
  get(message: Message): unknown;
  /** The value as it is, also if it is the zero of a field that has no presence. */
  getAny(message: Message): unknown;
  set(message: Message, value: unknown): void;
}

type Fields = Record<string, unknown>;
type Oneof = { readonly case?: string; readonly value?: unknown };

const known = new WeakMap<DescField, FieldAccess>();

/** The access to a field; always the same for the same field. */
export function accessOf(field: DescField): FieldAccess {
  let access = known.get(field);
  if (!access) {
    access = field.oneof ? accessMember(field, field.oneof.localName) : accessField(field);
    known.set(field, access);
  }
  return access;
}

function fieldsOf(message: Message): Fields {
  return message as Message & Fields;
}

function accessMember({ localName }: DescField, oneof: string): FieldAccess {
  const get = (message: Message) => {
    const { case: name, value } = fieldsOf(message)[oneof] as Oneof;
    return name === localName ? value : undefined;
  };
  return {
    get,
    getAny: get,
    set(message, value) {
      fieldsOf(message)[oneof] = { case: localName, value };
    },
  };
}

function accessField(field: DescField): FieldAccess {
  const name = field.localName;
  const getAny = (message: Message) => fieldsOf(message)[name];
  return {
    get: field.presence === FeatureSet_FieldPresence.IMPLICIT ? getUnlessZero(field) : getOwn(name),
    getAny,
    set(message, value) {
      fieldsOf(message)[name] = value;
    },
  };
}

/** Outside of proto3, the zero of a field that is not set is on the message's prototype. */
function getOwn(name: string): FieldAccess["get"] {
  return (message) => {
    const value = fieldsOf(message)[name];
    return value !== undefined && Object.hasOwn(message, name) ? value : undefined;
  };
}

function getUnlessZero(field: DescField): FieldAccess["get"] {
  const name = field.localName;
  const isZero = zeroTest(field);
  return (message) => {
    const value = fieldsOf(message)[name];
    return isZero(value) ? undefined : value;
  };
}

/** What is zero for a field without presence; of numbers, -0 is not. */
function zeroTest(field: DescField): (value: unknown) => boolean {
  switch (field.fieldKind) {
    case "list":
      return (value) => (value as readonly unknown[]).length === 0;
    case "map":
      return (value) => Object.keys(value as Fields).length === 0;
    case "enum":
      return enumZeroTest(field.enum);
    case "scalar":
      return SCALARS[field.scalar].isZero;
    case "message":
      return () => false;
  }
}

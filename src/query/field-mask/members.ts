// The members of a google.protobuf.Struct, by key: what keeps them is a map of Values, each of which
// may hold a Struct again. The types are those of the message's own registry.

import type { DescField } from "@bufbuild/protobuf";
import { type ReflectMap, type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { messageKind } from "../../schema/types/all-kinds.ts";

/** True if the message is a google.protobuf.Struct. */
export function isStruct({ desc }: ReflectMessage): boolean {
  return messageKind(desc)?.inside === "members";
}

/** The members of a Struct: google.protobuf.Value by key. */
export function membersOf(struct: ReflectMessage): ReflectMap<string, ReflectMessage> {
  return struct.get(fieldOf(struct, "fields")) as unknown as ReflectMap<string, ReflectMessage>;
}

/** The Struct that is the value of a member, if it is one. */
export function structOf(value: ReflectMessage | undefined): ReflectMessage | undefined {
  if (!value) return undefined;
  const field = fieldOf(value, "struct_value");
  return value.isSet(field) ? (value.get(field) as unknown as ReflectMessage) : undefined;
}

/** Makes the Struct the value of a member. */
export function setMember(struct: ReflectMessage, key: string, member: ReflectMessage): void {
  const members = membersOf(struct);
  const value = reflect(members.field().message as NonNullable<DescField["message"]>);
  value.set(fieldOf(value, "struct_value"), member);
  members.set(key, value);
}

function fieldOf({ desc }: ReflectMessage, name: string): DescField {
  return desc.fields.find((field) => field.name === name) as DescField;
}

// Unknown fields anywhere in a message. Members of a oneof that only another server knows are among
// them, and would win over a member that is set here, since unknown fields come last.
// Changes messages only.

import type { DescMessage, Message, Registry } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { storedTypes } from "./stored-types.ts";

/** Takes unknown members away whose oneof has another member set, in the message and in those in it. */
export function dropUnknownMembers(desc: DescMessage, message: Message, registry: Registry): void {
  for (const each of messagesIn(reflect(desc, message))) {
    const unknown = each.getUnknown() ?? [];
    if (unknown.length === 0 || each.oneofs.length === 0) continue;
    const siblings = unknownSiblings(each, registry);
    if (siblings.size > 0) each.setUnknown(unknown.filter(({ no }) => !siblings.has(no)));
  }
}

/** True if the message, or one in it, has fields that are not known here. */
export function hasUnknownFields(desc: DescMessage, message: Message): boolean {
  for (const each of messagesIn(reflect(desc, message))) {
    if ((each.getUnknown() ?? []).length > 0) return true;
  }
  return false;
}

/** The message and those in it. */
function* messagesIn(message: ReflectMessage): Generator<ReflectMessage> {
  yield message;
  for (const field of message.fields) {
    if (!field.message || !message.isSet(field)) continue;
    switch (field.fieldKind) {
      case "message":
        yield* messagesIn(message.get(field));
        break;
      case "list":
        for (const item of message.get(field)) yield* messagesIn(item as ReflectMessage);
        break;
      case "map":
        for (const item of message.get(field).values()) yield* messagesIn(item as ReflectMessage);
    }
  }
}

/** The numbers of what stored types have in the same oneofs as the members that are set. */
function unknownSiblings(message: ReflectMessage, registry: Registry): ReadonlySet<number> {
  const own = new Set(message.fields.map(({ number }) => number));
  const set = message.oneofs.flatMap((oneof) => message.oneofCase(oneof)?.number ?? []);
  const siblings = storedTypes(registry)
    .flatMap((types) => types.getMessage(message.desc.typeName)?.oneofs ?? [])
    .filter(({ fields }) => fields.some(({ number }) => set.includes(number)))
    .flatMap(({ fields }) => fields.map(({ number }) => number));
  return new Set(siblings.filter((number) => !own.has(number)));
}

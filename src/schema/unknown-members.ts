// Members of a oneof that only another server knows: they are among the unknown fields, and would win
// over a member that is set here, since unknown fields come last. Changes messages only.

import type { DescMessage, Message, Registry } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { storedTypes } from "./stored-types.ts";

/** Takes unknown members away whose oneof has another member set, in the message and in those in it. */
export function dropUnknownMembers(desc: DescMessage, message: Message, registry: Registry): void {
  dropIn(reflect(desc, message), registry);
}

function dropIn(message: ReflectMessage, registry: Registry): void {
  const unknown = message.getUnknown() ?? [];
  if (unknown.length > 0 && message.oneofs.length > 0) {
    const siblings = unknownSiblings(message, registry);
    if (siblings.size > 0) message.setUnknown(unknown.filter(({ no }) => !siblings.has(no)));
  }
  for (const field of message.fields) {
    if (!field.message || !message.isSet(field)) continue;
    switch (field.fieldKind) {
      case "message":
        dropIn(message.get(field), registry);
        break;
      case "list":
        for (const item of message.get(field)) dropIn(item as ReflectMessage, registry);
        break;
      case "map":
        for (const item of message.get(field).values()) dropIn(item as ReflectMessage, registry);
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

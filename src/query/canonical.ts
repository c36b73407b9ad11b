// The bytes of a message that do not depend on the order in which a client wrote its maps.
// Pure. They are for digests: what is stored keeps the client's order.

import { clone, type DescMessage, type Message, toBinary } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";

/** The canonical bytes: some clients write the entries of a map in another order each time. */
export function canonicalBytes(desc: DescMessage, message: Message): Uint8Array {
  const copy = clone(desc, message);
  sortMaps(reflect(desc, copy));
  return toBinary(desc, copy);
}

function sortMaps(message: ReflectMessage): void {
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    switch (field.fieldKind) {
      case "map": {
        const map = message.get(field);
        const entries = [...map].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
        map.clear();
        for (const [key, value] of entries) {
          if (field.message) sortMaps(value as ReflectMessage);
          map.set(key, value);
        }
        break;
      }
      case "list":
        if (field.message) for (const item of message.get(field)) sortMaps(item as ReflectMessage);
        break;
      case "message":
        sortMaps(message.get(field));
        break;
    }
  }
}

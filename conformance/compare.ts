// Compares messages of a server, and says in which fields they differ.
// Knows no laws: which fields may differ is said by whoever compares.

import { createRegistry, type DescField, equals, type Message } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { behaves, FieldBehavior, type Resource } from "./discover.ts";

/** An Any that is not unpacked is compared by its bytes. */
const NO_TYPES = createRegistry();

/** The names of the fields in which two resources differ; `*` if it is in unknown fields. */
export function differences(
  { desc, registry }: Pick<Resource, "desc" | "registry">,
  a: Message,
  b: Message,
  ignored: (field: DescField) => boolean = () => false,
): string[] {
  const [left, right] = [reflect(desc, a), reflect(desc, b)];
  const differing = desc.fields.filter((field) => {
    if (ignored(field)) return false;
    const [one, other] = [only(left, field), only(right, field)];
    return !equals(desc, one, other, { registry, unknown: true });
  });
  if (differing.length === 0 && !sameUnknown(left, right)) return ["*"];
  return differing.map(({ name }) => name);
}

/** A message with nothing but this field. */
function only(source: ReflectMessage, field: DescField): Message {
  const target = reflect(source.desc);
  if (source.isSet(field)) {
    if (field.fieldKind === "list") {
      for (const item of source.get(field)) target.get(field).add(item);
    } else if (field.fieldKind === "map") {
      for (const [key, value] of source.get(field)) target.get(field).set(key, value);
    } else {
      target.set(field, source.get(field));
    }
  }
  return target.message;
}

function sameUnknown(a: ReflectMessage, b: ReflectMessage): boolean {
  const text = (message: ReflectMessage) =>
    (message.getUnknown() ?? [])
      .map(({ no, wireType, data }) => `${no}/${wireType}/${Buffer.from(data).toString("hex")}`)
      .join();
  return text(a) === text(b);
}

/**
 * The paths of the fields that are set in `sent` and are not so in `stored`. What a server adds, such
 * as the ids of repeated messages or a default, is no difference.
 */
export function notStored(
  { desc }: Pick<Resource, "desc">,
  sent: Message,
  stored: Message,
): string[] {
  return missingIn(reflect(desc, sent), reflect(desc, stored), "");
}

function missingIn(sent: ReflectMessage, stored: ReflectMessage, prefix: string): string[] {
  return sent.fields.flatMap((field) => {
    if (!sent.isSet(field) || behaves(field, FieldBehavior.OUTPUT_ONLY)) return [];
    if (behaves(field, FieldBehavior.IDENTIFIER)) return [];
    const path = `${prefix}${field.name}`;
    if (!stored.isSet(field)) return [path];
    if (!field.message || field.message.typeName.startsWith("google.")) {
      const isSame = equals(sent.desc, only(sent, field), only(stored, field), {
        registry: NO_TYPES,
        unknown: true,
      });
      return isSame ? [] : [path];
    }
    return missingNested(sent, stored, field, path);
  });
}

function missingNested(
  sent: ReflectMessage,
  stored: ReflectMessage,
  field: DescField,
  path: string,
): string[] {
  if (field.fieldKind === "message") {
    return missingIn(sent.get(field), stored.get(field), `${path}.`);
  }
  if (field.fieldKind === "list") {
    const [from, to] = [[...sent.get(field)], [...stored.get(field)]] as ReflectMessage[][];
    if (from?.length !== to?.length) return [path];
    return (from ?? []).flatMap((item, index) =>
      missingIn(item, to?.[index] as ReflectMessage, `${path}[${index}].`),
    );
  }
  if (field.fieldKind !== "map") return [];
  const [from, to] = [sent.get(field), stored.get(field)];
  if (from.size !== to.size) return [path];
  return [...from].flatMap(([key, value]) => {
    const other = to.get(key);
    if (other === undefined) return [path];
    return missingIn(value as ReflectMessage, other as ReflectMessage, `${path}[${key}].`);
  });
}

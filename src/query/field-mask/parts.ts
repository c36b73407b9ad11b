// The messages in a field, and which message of one version of a resource is which of another.
// Well-known types are values and are passed over.

import type { DescField } from "@bufbuild/protobuf";
import type { ReflectMap, ReflectMessage } from "@bufbuild/protobuf/reflect";
import type { ResourcePlan } from "../../schema/plan.ts";
import { isOwnMessage } from "./behaviors.ts";
import { type MapKey, Selection } from "./selection.ts";

/** A message in a field. */
export interface Part {
  /** What it is known by among those in the field, if there is something. */
  readonly id: MapKey | undefined;
  /** What follows the field in its path. */
  readonly suffix: string;
  readonly message: ReflectMessage;
  /** What is selected of it. */
  readonly selection: Selection;
}

/** The messages in the field of which something is selected. */
export function partsOf(
  plan: ResourcePlan,
  message: ReflectMessage,
  field: DescField,
  selection: Selection = Selection.WHOLE,
): readonly Part[] {
  if (!isOwnMessage(field) || !message.isSet(field)) return [];
  switch (field.fieldKind) {
    case "message":
      return [{ id: "", suffix: "", message: message.get(field), selection }];
    case "map":
      return [...(message.get(field) as ReflectMap<MapKey, ReflectMessage>)].flatMap(
        ([key, entry]) => {
          const selected = selection.entry(key);
          if (!selected) return [];
          return [{ id: key, suffix: `[${formatKey(key)}]`, message: entry, selection: selected }];
        },
      );
    case "list": {
      // A list that is replaced may have its elements in other places; child rows have keys.
      const child = plan.children.find((candidate) => candidate.field === field);
      return ([...message.get(field)] as ReflectMessage[]).map((element, i) => {
        const key = child && (element.get(child.keyField) as bigint);
        const id = selection.isWhole ? key : i;
        return { id, suffix: `[${i}]`, message: element, selection: selection.each };
      });
    }
  }
}

/** Each part with the message that it was before, if it was there. */
export function withPrevious(
  previous: readonly Part[],
  parts: readonly Part[],
): readonly (readonly [Part, ReflectMessage | undefined])[] {
  const messages = new Map(previous.map(({ id, message }) => [id, message]));
  return parts.map((part) => [part, part.id === undefined ? undefined : messages.get(part.id)]);
}

/** A key as it is written in the path of a violation. */
export function formatKey(key: MapKey): string {
  return typeof key === "string" ? JSON.stringify(key) : String(key);
}

// What `data` has as bytes, because the server that wrote the row did not know the fields: those that
// are known here become fields of the message, all others stay unknown ones. Reads no JSON.

import {
  type DescField,
  type DescMessage,
  mergeFromBinary,
  type Registry,
  type UnknownField,
} from "@bufbuild/protobuf";
import type { ReflectMessage } from "@bufbuild/protobuf/reflect";
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { storedNumbers } from "./stored-types.ts";

/** The records that bytes are made of. */
export function readUnknown(bytes: Uint8Array): UnknownField[] {
  const reader = new BinaryReader(bytes);
  const unknown: UnknownField[] = [];
  while (reader.pos < reader.len) {
    const [no, wireType] = reader.tag();
    unknown.push({ no, wireType, data: reader.skip(wireType, no) });
  }
  return unknown;
}

/**
 * Adds records to a message whose `fields` were read from JSON. A field that is set already was set by
 * whoever wrote last; what the records have for it is older.
 */
export function mergeOthers(
  message: ReflectMessage,
  records: readonly UnknownField[],
  fields: readonly DescField[],
  registry: Registry,
): void {
  const { desc } = message;
  const targets = new Map<number, "merge" | "drop">();
  for (const { no, data } of records) {
    const field = desc.fields.find(({ number }) => number === no);
    if (!field || targets.has(no)) continue;
    if (!fields.includes(field) && field.fieldKind === "message") {
      const inner = unknownOnly(field.message, data);
      if (inner) {
        // If there is no message any more, another program has made the column NULL.
        if (message.isSet(field)) addUnknown(message.get(field), inner);
        targets.set(no, "drop");
        continue;
      }
    }
    // The rows of a child table are not in JSON: they would be there twice.
    if (!fields.includes(field) && field.fieldKind === "list") continue;
    targets.set(no, isTaken(message, field) ? "drop" : "merge");
  }
  const known = new BinaryWriter();
  for (const { no, wireType, data } of records) {
    if (targets.get(no) === "merge") known.tag(no, wireType).raw(data);
  }
  const unknown = records.filter(({ no }) => !targets.has(no));
  if (unknown.length > 0) message.setUnknown(inOrder(unknown, storedNumbers(registry, desc)));
  mergeFromBinary(desc, message.message, known.finish());
}

/** The records of a message of which a column holds what is known; undefined for a whole message. */
function unknownOnly(desc: DescMessage, data: Uint8Array): UnknownField[] | undefined {
  const records = readUnknown(new BinaryReader(data).bytes());
  const isKnown = ({ no }: UnknownField) => desc.fields.some(({ number }) => number === no);
  return records.length === 0 || records.some(isKnown) ? undefined : records;
}

function addUnknown(message: ReflectMessage, records: readonly UnknownField[]): void {
  message.setUnknown([...(message.getUnknown() ?? []), ...records]);
}

/** What others know comes first, and in order, as in the bytes that they write. */
function inOrder(unknown: readonly UnknownField[], stored: ReadonlySet<number>): UnknownField[] {
  const known = unknown.filter(({ no }) => stored.has(no)).sort((a, b) => a.no - b.no);
  return [...known, ...unknown.filter(({ no }) => !stored.has(no))];
}

function isTaken(message: ReflectMessage, field: DescField): boolean {
  return field.oneof ? message.oneofCase(field.oneof) !== undefined : message.isSet(field);
}

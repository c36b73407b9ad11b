// Bytes as other encoders than the library may write them, and as nobody does: records of a message
// shuffled, doubled, left out, split, unpacked, with long varints, at any depth.

import { type DescField, type DescMessage, fromBinary, ScalarType } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

interface FieldRecord {
  readonly number: number;
  readonly wireType: WireType;
  /** What follows the tag. */
  readonly data: Uint8Array;
}

/** Gives a number from 0 to 1, always below it. */
export type Random = () => number;

/** Numbers that a seed determines (a linear congruential generator). */
export function randomNumbers(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Other bytes that the library can decode as a message of this type; undefined if none was found. */
export function changeMessage(
  desc: DescMessage,
  bytes: Uint8Array,
  random: Random,
): Uint8Array | undefined {
  try {
    const changed = changeBytes(desc, bytes, random);
    fromBinary(desc, changed);
    return changed;
  } catch {
    return undefined;
  }
}

function changeBytes(desc: DescMessage, bytes: Uint8Array, random: Random): Uint8Array {
  const records = splitRecords(bytes);
  const nested = records.flatMap((record, index) => {
    const field = desc.fields.find(({ number }) => number === record.number);
    const isNested = field && (field.message || field.fieldKind === "map" || isPackable(field));
    return isNested && record.wireType === WireType.LengthDelimited
      ? [{ field, record, index }]
      : [];
  });
  const chosen = nested[Math.floor(random() * nested.length)];
  if (chosen && random() < 0.6) {
    const { field, record, index } = chosen;
    records.splice(index, 1, ...changeRecord(field, record, random));
    return joinRecords(records);
  }
  return changeRecords(desc, records, random);
}

function changeRecord(field: DescField, record: FieldRecord, random: Random): FieldRecord[] {
  const { number } = record;
  const content = contentOf(record);
  if (field.fieldKind === "list" && field.packed) return unpack(field, content);
  const desc = field.message;
  if (field.fieldKind === "map" || !desc) {
    const entry = splitRecords(content);
    return [delimited(number, changeRecords(undefined, entry, random))];
  }
  if (random() > 0.3) return [delimited(number, changeBytes(desc, content, random))];
  // In two parts, which a reader puts together.
  const parts = splitRecords(content);
  const half = Math.floor(random() * (parts.length + 1));
  return [parts.slice(0, half), parts.slice(half)].map((part) =>
    delimited(number, joinRecords(part)),
  );
}

function changeRecords(
  desc: DescMessage | undefined,
  records: FieldRecord[],
  random: Random,
): Uint8Array {
  const at = Math.floor(random() * records.length);
  const record = records[at];
  switch (Math.floor(random() * 8)) {
    case 0:
      return joinRecords(records.toSorted(() => random() - 0.5));
    case 1:
      return joinRecords(record ? records.toSpliced(at, 0, record) : records);
    case 2:
      return joinRecords(record ? [...records, record] : records);
    case 3:
      return joinRecords(records.toSpliced(at, 1));
    case 4:
      return joinRecords(records.toSpliced(at, 0, delimited(12_345, new Uint8Array([1, 2]))));
    case 5:
      return joinRecords(record ? records.with(at, lengthen(record)) : records);
    case 6: {
      const field = desc?.fields[Math.floor(random() * desc.fields.length)];
      return joinRecords(
        [...records, ...(field ? [zero(field)] : [])].toSorted((a, b) => a.number - b.number),
      );
    }
    default: {
      const bytes = joinRecords(records);
      const place = Math.floor(random() * bytes.length);
      bytes[place] = Math.floor(random() * 256);
      return bytes;
    }
  }
}

function isPackable(field: DescField): boolean {
  return field.fieldKind === "list" && field.packed;
}

function unpack(field: DescField & { fieldKind: "list" }, content: Uint8Array): FieldRecord[] {
  const wireType = wireTypeOf(field);
  const reader = new BinaryReader(content);
  const records: FieldRecord[] = [];
  while (reader.pos < reader.len) {
    records.push({ number: field.number, wireType, data: reader.skip(wireType) });
  }
  return records;
}

function wireTypeOf(field: DescField): WireType {
  if (field.message || field.fieldKind === "map") return WireType.LengthDelimited;
  switch (field.scalar) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return WireType.LengthDelimited;
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return WireType.Bit64;
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return WireType.Bit32;
    default:
      return WireType.Varint;
  }
}

function zero(field: DescField): FieldRecord {
  const wireType = wireTypeOf(field);
  const size = { [WireType.Bit64]: 8, [WireType.Bit32]: 4 }[wireType as number] ?? 1;
  return { number: field.number, wireType, data: new Uint8Array(size) };
}

/** The same varint with a byte more than it needs. */
function lengthen(record: FieldRecord): FieldRecord {
  const { wireType, data } = record;
  if (wireType !== WireType.Varint && wireType !== WireType.LengthDelimited) return record;
  const end = data.findIndex((byte) => byte < 0x80);
  const head = [...data.subarray(0, end), (data[end] ?? 0) | 0x80, 0];
  return { ...record, data: Uint8Array.from([...head, ...data.subarray(end + 1)]) };
}

function contentOf({ data }: FieldRecord): Uint8Array {
  return new BinaryReader(data).bytes();
}

function delimited(number: number, content: Uint8Array): FieldRecord {
  const data = new BinaryWriter().bytes(content).finish();
  return { number, wireType: WireType.LengthDelimited, data };
}

function splitRecords(bytes: Uint8Array): FieldRecord[] {
  const reader = new BinaryReader(bytes);
  const records: FieldRecord[] = [];
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    records.push({ number, wireType, data: reader.skip(wireType, number) });
  }
  return records;
}

function joinRecords(records: readonly FieldRecord[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const { number, wireType, data } of records) writer.tag(number, wireType).raw(data);
  return writer.finish();
}

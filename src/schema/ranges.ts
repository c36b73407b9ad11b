// Which Timestamps, Durations, Dates, times of day, places and amounts protobuf's own definitions allow,
// and the check of what a client sends. What a type has of them is found out once, so that messages
// are not searched for what cannot be in them.

import { type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
import type { Date as CivilDate } from "../../gen/google/type/date_pb.ts";
import type { Money } from "../../gen/google/type/money_pb.ts";
import { type FieldViolation, StoreError } from "../errors.ts";
import { accessOf, type FieldAccess } from "./access.ts";
import { MAX_SECONDS, MIN_SECONDS } from "./time-text.ts";

/** The most seconds that a Duration may have, either way: 10,000 years. */
export const DURATION_SECONDS_MAX = 315_576_000_000n;

const NANOS = 1_000_000_000;

/** The reason why a message is out of the range of its type; undefined if it is not. */
export function outOfRange(desc: DescMessage, message: Message): string | undefined {
  return RANGES[desc.typeName]?.(message);
}

type Range = (message: Message) => string | undefined;

const RANGES: Readonly<Record<string, Range>> = {
  "google.protobuf.Timestamp": (message) => {
    const { seconds, nanos } = message as Timestamp;
    const isInRange = seconds >= MIN_SECONDS && seconds <= MAX_SECONDS;
    return isInRange && nanos >= 0 && nanos < NANOS
      ? undefined
      : "must be from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z";
  },
  "google.protobuf.Duration": (message) => {
    const { seconds, nanos } = message as Duration;
    if (!hasOneSign(seconds, nanos)) {
      return "seconds and nanos must have one sign and nanos be below 1 s";
    }
    const isInRange = seconds >= -DURATION_SECONDS_MAX && seconds <= DURATION_SECONDS_MAX;
    return isInRange ? undefined : `must be at most ${DURATION_SECONDS_MAX} s, either way`;
  },
  "google.type.Date": (message) => {
    const { year, month, day } = message as CivilDate;
    return isDate(year, month, day)
      ? undefined
      : "must be a day, a month and a year, a year, or a month and a day that there are";
  },
  "google.type.Money": (message) => {
    const { units, nanos } = message as Money;
    return hasOneSign(units, nanos)
      ? undefined
      : "units and nanos must have one sign and nanos be below one unit";
  },
  "google.type.LatLng": (message) => {
    const { latitude, longitude } = message as Message & { latitude: number; longitude: number };
    return Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180
      ? undefined
      : "must have a latitude from -90 to 90 and a longitude from -180 to 180";
  },
  "google.type.TimeOfDay": (message) => {
    const { hours, minutes, seconds, nanos } = message as Message &
      Readonly<Record<string, number>>;
    const isTime = isWithin(hours, 23) && isWithin(minutes, 59) && isWithin(seconds, 60);
    const isMidnight = hours === 24 && !minutes && !seconds && !nanos;
    return isMidnight || (isTime && isWithin(nanos, NANOS - 1))
      ? undefined
      : "must be from 00:00:00 to 24:00:00";
  },
};

function hasOneSign(whole: bigint, nanos: number): boolean {
  return Math.abs(nanos) < NANOS && !(whole > 0n && nanos < 0) && !(whole < 0n && nanos > 0);
}

function isWithin(value: number | undefined, max: number): boolean {
  return value !== undefined && value >= 0 && value <= max;
}

/** By google/type/date.proto: 0 in place of what is not said, the day never without its month. */
function isDate(year: number, month: number, day: number): boolean {
  if (year < 0 || year > 9999 || month < 0 || month > 12 || day < 0) return false;
  if (month === 0) return day === 0;
  // Without a year, the 29th of February is a day too.
  const february = year === 0 || new Date(Date.UTC(2000 + (year % 400), 2, 0)).getUTCDate() === 29;
  return day <= (month === 2 ? (february ? 29 : 28) : MONTH_DAYS.has(month) ? 31 : 30);
}

const MONTH_DAYS: ReadonlySet<number> = new Set([1, 3, 5, 7, 8, 10, 12]);

/** A part of a message, as a mask selects it (query/field-mask/selection.ts). */
export interface Part {
  readonly isWhole: boolean;
  readonly each: Part;
  fields(desc: DescMessage): readonly (readonly [DescField, Part])[];
}

/**
 * Refuses a message with a value that is out of the range of its type, at any depth; only `part` of
 * it is looked at, if there is one.
 * @throws StoreError INVALID_FIELD with a violation for each of them, under `path`.
 */
export function checkRanges(desc: DescMessage, message: Message, path: string, part?: Part): void {
  const violations: FieldViolation[] = [];
  collect(desc, message, part, path, violations);
  const [first] = violations;
  if (!first) return;
  throw new StoreError("INVALID_FIELD", `${first.field}: ${first.description}`, {
    fields: violations,
  });
}

/** A field with messages that have a range, or that have such fields. */
interface Ranged {
  readonly field: DescField;
  readonly access: FieldAccess;
  readonly type: DescMessage;
}

const rangedOfTypes = new WeakMap<DescMessage, readonly Ranged[]>();

function rangedFields(desc: DescMessage): readonly Ranged[] {
  let found = rangedOfTypes.get(desc);
  if (!found) {
    found = desc.fields.flatMap((field) => {
      const type = field.message;
      return type && reachesRange(type) ? [{ field, access: accessOf(field), type }] : [];
    });
    rangedOfTypes.set(desc, found);
  }
  return found;
}

function reachesRange(desc: DescMessage): boolean {
  const types = new Set([desc]);
  // A set also iterates over what is added to it on the way.
  for (const { typeName, fields } of types) {
    if (typeName in RANGES) return true;
    if (typeName.startsWith("google.protobuf.")) continue;
    for (const { message } of fields) if (message) types.add(message);
  }
  return false;
}

function collect(
  desc: DescMessage,
  message: Message,
  part: Part | undefined,
  path: string,
  violations: FieldViolation[],
): void {
  const ranged = rangedFields(desc);
  if (ranged.length === 0) return;
  const chosen = part && !part.isWhole ? new Map(part.fields(desc)) : undefined;
  for (const { field, access, type } of ranged) {
    const inside = chosen?.get(field);
    if (chosen && !inside) continue;
    const value = access.get(message);
    if (value === undefined) continue;
    const visit = (item: Message, suffix: string, part?: Part) => {
      const at = `${path}.${field.name}${suffix}`;
      const description = outOfRange(type, item);
      if (description !== undefined) violations.push({ field: at, description });
      else collect(type, item, part, at, violations);
    };
    if (field.fieldKind === "list") {
      for (const [index, item] of (value as readonly Message[]).entries()) {
        visit(item, `[${index}]`, inside && !inside.isWhole ? inside.each : undefined);
      }
    } else if (field.fieldKind === "map") {
      for (const [key, item] of Object.entries(value as Readonly<Record<string, Message>>)) {
        visit(item, `[${field.mapKey === ScalarType.STRING ? JSON.stringify(key) : key}]`);
      }
    } else visit(value as Message, "", inside);
  }
}

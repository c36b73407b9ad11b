// Messages of google.type that are objects of their fields, and of which only the range is special:
// google.type.LatLng and google.type.TimeOfDay.

import type { Message } from "@bufbuild/protobuf";
import type { MessageKind } from "./kind.ts";
import { isFraction } from "./nanos.ts";

type Numbers<K extends string> = Message & Readonly<Record<K, number>>;

export const latLng: MessageKind = {
  typeName: "google.type.LatLng",
  column: undefined,
  json: undefined,
  outOfRange(message) {
    const { latitude, longitude } = message as Numbers<"latitude" | "longitude">;
    return Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180
      ? undefined
      : "must have a latitude from -90 to 90 and a longitude from -180 to 180";
  },
  leaf: undefined,
  inside: "fields",
};

export const timeOfDay: MessageKind = {
  typeName: "google.type.TimeOfDay",
  column: undefined,
  json: undefined,
  outOfRange(message) {
    const { hours, minutes, seconds, nanos } = message as Numbers<
      "hours" | "minutes" | "seconds" | "nanos"
    >;
    const isTime = isWithin(hours, 23) && isWithin(minutes, 59) && isWithin(seconds, 60);
    const isMidnight = hours === 24 && !minutes && !seconds && !nanos;
    return isMidnight || (isTime && isFraction(nanos))
      ? undefined
      : "must be from 00:00:00 to 24:00:00";
  },
  leaf: undefined,
  inside: "fields",
};

function isWithin(value: number, max: number): boolean {
  return value >= 0 && value <= max;
}

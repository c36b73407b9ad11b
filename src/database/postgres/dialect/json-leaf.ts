// The value of a leaf in JSON → SQL expressions that compare as it does, with the meaning that reads
// have (schema/types). They are NULL where there is no value that can be read.

import { FLOAT_END } from "../../../schema/types/doubles.ts";
import { UINT64_DIGITS } from "../../../schema/types/integer.ts";
import type { Leaf } from "../../../schema/types/leaf.ts";
import type { JsonPlace } from "../../sql/dialect.ts";
import { jsonAt, jsonMember, jsonType, jsonValue } from "./json.ts";

const UINT64_MAX = 2n ** 64n - 1n;
const INT32 = { min: -(2n ** 31n), max: 2n ** 31n - 1n };
const INT64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };

/** The expressions for the value of `leaf` that is at `place`. */
export function jsonLeaf(place: JsonPlace, leaf: Leaf): readonly string[] {
  const json = jsonAt(place);
  switch (leaf.kind) {
    case "int":
      return [integer(place, leaf)];
    case "uint64":
      return [`lpad(json_integer(${json}, 0, ${UINT64_MAX})::text, ${UINT64_DIGITS}, '0')`];
    case "double":
      return [`json_double(${json}, 'Infinity')`];
    case "float":
      return [`json_double(${json}, ${FLOAT_END})`];
    case "bool":
      return [`CASE ${jsonType(place)} WHEN 'true' THEN 1 WHEN 'false' THEN 0 END`];
    case "enum":
      return [enumValue(place)];
    case "bytes":
      return [`json_base64(${json})`];
    case "timestamp":
      return [`text_instant(${whenText(place)})`];
    case "duration":
      return [1, 2].map((part) => `(json_duration(${json}))[${part}]`);
    case "date":
      return ["year", "month", "day"].map((name) => whenObject(place, member(place, name)));
    case "money": {
      const [units, nanos] = [member(place, "units"), member(place, "nanos")];
      const isValid = `abs(${nanos}) < 1000000000 AND sign(${units}) * sign(${nanos}) >= 0`;
      return [units, nanos].map((part) => whenObject(place, part, isValid));
    }
    case "text":
    case "reference":
      return [whenText(place)];
    case "etag":
    case "value":
      throw new Error(`a ${leaf.kind} is not in JSON, or is compared by its type`);
  }
}

function integer(place: JsonPlace, { min, max }: { readonly min: bigint; readonly max: bigint }) {
  return `json_integer(${jsonAt(place)}, ${min}, ${max})::bigint`;
}

function whenText(place: JsonPlace): string {
  return `CASE json_typeof(${jsonAt(place)}) WHEN 'string' THEN ${jsonValue(place)} END`;
}

/** The name or the number, as text. */
function enumValue(place: JsonPlace): string {
  const number = `${integer(place, INT32)}::text`;
  return `CASE json_typeof(${jsonAt(place)}) WHEN 'string' THEN ${jsonValue(place)} WHEN 'number' THEN ${number} END`;
}

/** An integer of an object, 0 if it is not there. */
function member(place: JsonPlace, name: string): string {
  const at = jsonMember(place, `.${name}`);
  const value = integer(at, name === "units" ? INT64 : INT32);
  return `CASE coalesce(${jsonType(at)}, 'null') WHEN 'null' THEN 0 ELSE ${value} END`;
}

function whenObject(place: JsonPlace, expression: string, condition?: string): string {
  const isObject = `${jsonType(place)} = 'object'`;
  const when = condition === undefined ? isObject : `${isObject} AND ${condition}`;
  return `CASE WHEN ${when} THEN ${expression} END`;
}

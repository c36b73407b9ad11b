// The value of a leaf in JSON → SQL expressions that compare as it does, with the meaning that reads
// have (schema/types). They are NULL where there is no value that can be read, and raise no
// error for any text of the column. Several expressions compare as a row value does.

import { isLongInteger } from "../../../query/filter/kinds.ts";
import { FLOAT_END } from "../../../schema/types/doubles.ts";
import { UINT64_DIGITS } from "../../../schema/types/integer.ts";
import type { Leaf } from "../../../schema/types/leaf.ts";
import type { JsonPlace } from "../../sql/dialect.ts";
import { jsonMember, jsonType, jsonValue } from "./json.ts";
import { instantText } from "./time.ts";

const UINT64_MAX = "18446744073709551615";
const SAFE_MAX = 2n ** 53n - 1n;
const DOUBLE_MAX = "1.7976931348623157e308";

/** The expressions for the value of `leaf` that is at `place`. */
export function jsonLeaf(place: JsonPlace, leaf: Leaf): readonly string[] {
  if (place.kind !== "json" || place.data === undefined) return leafValue(place, leaf);
  // It is asked once whether the column is JSON.
  const { data } = place;
  return leafValue({ ...place, base: data }, leaf).map(
    (value) => `CASE WHEN json_valid(${data}) THEN ${value} END`,
  );
}

function leafValue(place: JsonPlace, leaf: Leaf): readonly string[] {
  switch (leaf.kind) {
    case "int":
      return [integer(place, leaf.min, leaf.max)];
    case "uint64":
      return [unsignedInteger(place)];
    case "double":
      return [real(place, `<= ${DOUBLE_MAX}`)];
    case "float":
      return [real(place, `< ${FLOAT_END}`)];
    case "bool":
      return [`CASE ${jsonType(place)} WHEN 'true' THEN 1 WHEN 'false' THEN 0 END`];
    case "enum":
      return [enumValue(place)];
    case "bytes":
      return [base64(place)];
    case "timestamp":
      return [instantText(jsonValue(place))];
    case "duration":
      return durationParts(place);
    case "date":
      return ["year", "month", "day"].map((name) => whenObject(place, member(place, name)));
    case "money": {
      const [units, nanos] = [member(place, "units"), member(place, "nanos")];
      const isValid = `abs(${nanos}) < 1000000000 AND ${units} * ${nanos} >= 0`;
      return [units, nanos].map((part) => whenObject(place, part, isValid));
    }
    case "text":
    case "reference":
      return [`CASE ${jsonType(place)} WHEN 'text' THEN ${jsonValue(place)} END`];
    case "etag":
    case "value":
      throw new Error(`a ${leaf.kind} is not in JSON, or is compared by its type`);
  }
}

/** A string has the digits that a write gives it; a number is exact up to 2^53. */
function integer(place: JsonPlace, min: bigint, max: bigint): string {
  const value = jsonValue(place);
  const whole = `CAST(${value} AS INTEGER)`;
  const range = isLongInteger(min, max) ? "" : ` AND ${whole} BETWEEN ${min} AND ${max}`;
  const [least, most] = [min < -SAFE_MAX ? -SAFE_MAX : min, max > SAFE_MAX ? SAFE_MAX : max];
  return (
    `CASE ${jsonType(place)} ` +
    `WHEN 'text' THEN CASE WHEN CAST(${whole} AS TEXT) = ${value}${range} THEN ${whole} END ` +
    `${elseNumber(`${whole} = ${value} AND ${value} BETWEEN ${least} AND ${most}`, whole)} END`
  );
}

/** No list and no object is equal to an integer; true and false are, to SQLite. */
function elseNumber(condition: string, expression: string): string {
  return `WHEN 'true' THEN NULL WHEN 'false' THEN NULL ELSE CASE WHEN ${condition} THEN ${expression} END`;
}

/** Text of one width, which compares as the numbers do. */
function unsignedInteger(place: JsonPlace): string {
  const value = jsonValue(place);
  const whole = `CAST(${value} AS INTEGER)`;
  const pad = (sql: string) =>
    `substr('${"0".repeat(UINT64_DIGITS)}' || ${sql}, -${UINT64_DIGITS})`;
  const isDigits = `${value} NOT GLOB '*[^0-9]*' AND (${value} = '0' OR ${value} GLOB '[1-9]*')`;
  const isInRange = `length(${value}) <= ${UINT64_DIGITS} AND ${pad(value)} <= '${UINT64_MAX}'`;
  const number = elseNumber(
    `${whole} = ${value} AND ${value} BETWEEN 0 AND ${SAFE_MAX}`,
    pad(whole),
  );
  return (
    `CASE ${jsonType(place)} ` +
    `WHEN 'text' THEN CASE WHEN ${isDigits} AND ${isInRange} THEN ${pad(value)} END ${number} END`
  );
}

/** Text is above every number, so NaN is. JSON has strings for it, the infinities and -0. */
function real(place: JsonPlace, range: string): string {
  const value = jsonValue(place);
  const number = `CAST(${value} AS REAL)`;
  const finite = `CASE WHEN abs(${number}) ${range} THEN ${number} END`;
  // What has no other characters and is JSON is a number.
  const isNumber = `${value} NOT GLOB '*[^-+.0-9eE]*' AND json_valid(${value})`;
  return (
    `CASE ${jsonType(place)} WHEN 'integer' THEN ${finite} WHEN 'real' THEN ${finite} ` +
    `WHEN 'text' THEN CASE ${value} WHEN 'NaN' THEN 'NaN' WHEN 'Infinity' THEN 9e999 ` +
    `WHEN '-Infinity' THEN -9e999 ELSE CASE WHEN ${isNumber} THEN ${finite} END END END`
  );
}

/** The name or the number, as it is there. */
function enumValue(place: JsonPlace): string {
  const value = jsonValue(place);
  const isNumber = `${value} = CAST(${value} AS INTEGER) AND ${value} BETWEEN -2147483648 AND 2147483647`;
  return `CASE ${jsonType(place)} WHEN 'text' THEN ${value} ${elseNumber(isNumber, `CAST(${value} AS INTEGER)`)} END`;
}

/** In the standard alphabet, without the padding; the bits beyond the last byte must be 0. */
function base64(place: JsonPlace): string {
  const value = jsonValue(place);
  const plain = `rtrim(replace(replace(${value}, '-', '+'), '_', '/'), '=')`;
  const last = `substr(${plain}, -1)`;
  const isBase64 =
    `${plain} NOT GLOB '*[^A-Za-z0-9+/]*' AND length(${value}) - length(${plain}) <= 2 ` +
    `AND CASE length(${plain}) % 4 WHEN 0 THEN 1 WHEN 1 THEN 0 ` +
    `WHEN 2 THEN instr('AQgw', ${last}) ELSE instr('AEIMQUYcgkosw048', ${last}) END`;
  return `CASE ${jsonType(place)} WHEN 'text' THEN CASE WHEN ${isBase64} THEN ${plain} END END`;
}

/** Text such as `-1.5s` → seconds and nanoseconds, both with the sign. */
function durationParts(place: JsonPlace): readonly string[] {
  const value = jsonValue(place);
  const fraction = `rtrim(substr(${value}, instr(${value} || '.', '.') + 1), 's')`;
  const isDuration =
    `${jsonType(place)} = 'text' AND ${value} GLOB '*[0-9]s' AND ${value} NOT GLOB '*[^-.0-9s]*' ` +
    `AND length(${fraction}) <= 9 AND json_valid(substr(${value}, 1, length(${value}) - 1)) ` +
    `AND CAST(${value} AS INTEGER) BETWEEN -315576000000 AND 315576000000`;
  const nanos = `CAST(substr(${fraction} || '000000000', 1, 9) AS INTEGER)`;
  const sign = `CASE WHEN substr(${value}, 1, 1) = '-' THEN -1 ELSE 1 END`;
  return [`CAST(${value} AS INTEGER)`, `${nanos} * (${sign})`].map(
    (part) => `CASE WHEN ${isDuration} THEN ${part} END`,
  );
}

/** An integer of an object, 0 if it is not there. */
function member(place: JsonPlace, name: string): string {
  const at = jsonMember(place, `.${name}`);
  const [min, max] = name === "units" ? INT64 : INT32;
  const value = integer(at, min, max);
  return `CASE coalesce(${jsonType(at)}, 'null') WHEN 'null' THEN 0 ELSE ${value} END`;
}

const INT32 = [-(2n ** 31n), 2n ** 31n - 1n] as const;
const INT64 = [-(2n ** 63n), 2n ** 63n - 1n] as const;

function whenObject(place: JsonPlace, expression: string, condition?: string): string {
  const isObject = `${jsonType(place)} = 'object'`;
  const when = condition === undefined ? isObject : `${isObject} AND ${condition}`;
  return `CASE WHEN ${when} THEN ${expression} END`;
}

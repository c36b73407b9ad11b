// The value of a leaf in JSON → SQL expressions that compare as it does, with the meaning that reads
// have (schema/types). They are NULL where there is no value that can be read, and raise no
// error for any text of the column. Several expressions compare as a row value does.

import { FLOAT_END } from "../../../query/filter/decimal.ts";
import { isLongInteger } from "../../../query/filter/kinds.ts";
import type { Leaf } from "../../../schema/types/leaf.ts";
import { type JsonSource, jsonType, jsonValue, objectOf, type Source } from "./source.ts";
import { instantText } from "./time-sql.ts";

/** The width of the largest 64-bit unsigned integer, in digits. */
export const UINT64_DIGITS = 20;

const UINT64_MAX = "18446744073709551615";
const SAFE_MAX = 2n ** 53n - 1n;
const DOUBLE_MAX = "1.7976931348623157e308";

/** The expressions for the value of `leaf` that is at `source`. */
export function jsonComparable(source: Source, leaf: Leaf): readonly string[] {
  if (source.kind !== "json" || source.data === undefined) return leafValue(source, leaf);
  // It is asked once whether the column is JSON.
  const { data } = source;
  return leafValue({ ...source, base: data }, leaf).map(
    (value) => `CASE WHEN json_valid(${data}) THEN ${value} END`,
  );
}

function leafValue(source: Source, leaf: Leaf): readonly string[] {
  switch (leaf.kind) {
    case "int":
      return [integer(source, leaf.min, leaf.max)];
    case "uint64":
      return [unsignedInteger(source)];
    case "double":
      return [real(source, `<= ${DOUBLE_MAX}`)];
    case "float":
      return [real(source, `< ${FLOAT_END}`)];
    case "bool":
      return [`CASE ${jsonType(source)} WHEN 'true' THEN 1 WHEN 'false' THEN 0 END`];
    case "enum":
      return [enumValue(source)];
    case "bytes":
      return [base64(source)];
    case "timestamp":
      return [instantText(jsonValue(source))];
    case "duration":
      return durationParts(source);
    case "date":
      return ["year", "month", "day"].map((name) => whenObject(source, member(source, name)));
    case "money": {
      const [units, nanos] = [member(source, "units"), member(source, "nanos")];
      const isValid = `abs(${nanos}) < 1000000000 AND ${units} * ${nanos} >= 0`;
      return [units, nanos].map((part) => whenObject(source, part, isValid));
    }
    default:
      return [`CASE ${jsonType(source)} WHEN 'text' THEN ${jsonValue(source)} END`];
  }
}

/** A string has the digits that a write gives it; a number is exact up to 2^53. */
function integer(source: Source, min: bigint, max: bigint): string {
  const value = jsonValue(source);
  const whole = `CAST(${value} AS INTEGER)`;
  const range = isLongInteger(min, max) ? "" : ` AND ${whole} BETWEEN ${min} AND ${max}`;
  const [least, most] = [min < -SAFE_MAX ? -SAFE_MAX : min, max > SAFE_MAX ? SAFE_MAX : max];
  return (
    `CASE ${jsonType(source)} ` +
    `WHEN 'text' THEN CASE WHEN CAST(${whole} AS TEXT) = ${value}${range} THEN ${whole} END ` +
    `${elseNumber(`${whole} = ${value} AND ${value} BETWEEN ${least} AND ${most}`, whole)} END`
  );
}

/** No list and no object is equal to an integer; true and false are, to SQLite. */
function elseNumber(condition: string, expression: string): string {
  return `WHEN 'true' THEN NULL WHEN 'false' THEN NULL ELSE CASE WHEN ${condition} THEN ${expression} END`;
}

/** Text of one width, which compares as the numbers do. */
function unsignedInteger(source: Source): string {
  const value = jsonValue(source);
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
    `CASE ${jsonType(source)} ` +
    `WHEN 'text' THEN CASE WHEN ${isDigits} AND ${isInRange} THEN ${pad(value)} END ${number} END`
  );
}

/** Text is above every number, so NaN is. JSON has strings for it, the infinities and -0. */
function real(source: Source, range: string): string {
  const value = jsonValue(source);
  const number = `CAST(${value} AS REAL)`;
  const finite = `CASE WHEN abs(${number}) ${range} THEN ${number} END`;
  // What has no other characters and is JSON is a number.
  const isNumber = `${value} NOT GLOB '*[^-+.0-9eE]*' AND json_valid(${value})`;
  return (
    `CASE ${jsonType(source)} WHEN 'integer' THEN ${finite} WHEN 'real' THEN ${finite} ` +
    `WHEN 'text' THEN CASE ${value} WHEN 'NaN' THEN 'NaN' WHEN 'Infinity' THEN 9e999 ` +
    `WHEN '-Infinity' THEN -9e999 ELSE CASE WHEN ${isNumber} THEN ${finite} END END END`
  );
}

/** The name or the number, as it is there. */
function enumValue(source: Source): string {
  const value = jsonValue(source);
  const isNumber = `${value} = CAST(${value} AS INTEGER) AND ${value} BETWEEN -2147483648 AND 2147483647`;
  return `CASE ${jsonType(source)} WHEN 'text' THEN ${value} ${elseNumber(isNumber, `CAST(${value} AS INTEGER)`)} END`;
}

/** In the standard alphabet, without the padding; the bits beyond the last byte must be 0. */
function base64(source: Source): string {
  const value = jsonValue(source);
  const plain = `rtrim(replace(replace(${value}, '-', '+'), '_', '/'), '=')`;
  const last = `substr(${plain}, -1)`;
  const isBase64 =
    `${plain} NOT GLOB '*[^A-Za-z0-9+/]*' AND length(${value}) - length(${plain}) <= 2 ` +
    `AND CASE length(${plain}) % 4 WHEN 0 THEN 1 WHEN 1 THEN 0 ` +
    `WHEN 2 THEN instr('AQgw', ${last}) ELSE instr('AEIMQUYcgkosw048', ${last}) END`;
  return `CASE ${jsonType(source)} WHEN 'text' THEN CASE WHEN ${isBase64} THEN ${plain} END END`;
}

/** Text such as `-1.5s` → seconds and nanoseconds, both with the sign. */
function durationParts(source: Source): readonly string[] {
  const value = jsonValue(source);
  const fraction = `rtrim(substr(${value}, instr(${value} || '.', '.') + 1), 's')`;
  const isDuration =
    `${jsonType(source)} = 'text' AND ${value} GLOB '*[0-9]s' AND ${value} NOT GLOB '*[^-.0-9s]*' ` +
    `AND length(${fraction}) <= 9 AND json_valid(substr(${value}, 1, length(${value}) - 1)) ` +
    `AND CAST(${value} AS INTEGER) BETWEEN -315576000000 AND 315576000000`;
  const nanos = `CAST(substr(${fraction} || '000000000', 1, 9) AS INTEGER)`;
  const sign = `CASE WHEN substr(${value}, 1, 1) = '-' THEN -1 ELSE 1 END`;
  return [`CAST(${value} AS INTEGER)`, `${nanos} * (${sign})`].map(
    (part) => `CASE WHEN ${isDuration} THEN ${part} END`,
  );
}

/** An integer of an object, 0 if it is not there. */
function member(source: Source, name: string): string {
  const at = memberOf(source, name);
  const [min, max] = name === "units" ? INT64 : INT32;
  const value = integer(at, min, max);
  return `CASE coalesce(${jsonType(at)}, 'null') WHEN 'null' THEN 0 ELSE ${value} END`;
}

const INT32 = [-(2n ** 31n), 2n ** 31n - 1n] as const;
const INT64 = [-(2n ** 63n), 2n ** 63n - 1n] as const;

function memberOf(source: Source, name: string): JsonSource {
  const [base, path] =
    source.kind === "json"
      ? [source.base, source.path]
      : [objectOf((source as { alias: string }).alias), "$"];
  return { kind: "json", base, path: `${path}.${name}`, mayBeBytes: false };
}

function whenObject(source: Source, expression: string, condition?: string): string {
  const isObject = `${jsonType(source)} = 'object'`;
  const when = condition === undefined ? isObject : `${isObject} AND ${condition}`;
  return `CASE WHEN ${when} THEN ${expression} END`;
}

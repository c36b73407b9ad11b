// A google.protobuf.Value compared with a value of a filter: whatever JSON is there, by its own type.
// A number is never equal to a string; only values of one type are less or more.

import type { Operator } from "../../../query/filter/ast.ts";
import { EXACT_BYTES } from "../../../query/filter/place.ts";
import type { Value } from "../../../schema/types/leaf.ts";
import { type Comparison, compareText } from "./compare-rows.ts";
import { type Fragment, fragment, joinFragments } from "./fragment.ts";
import type { ElementSource, JsonSource } from "./source.ts";

type Json = JsonSource | ElementSource;

/** The condition that the JSON at `source` compares so; `:` also looks into a list. */
export function compareJson(
  source: Json,
  operator: Operator,
  value: Value,
  level: number,
): Fragment {
  if (operator === "!=") return differs(source, value);
  if (operator !== ":") return compareTyped(source, operator, value);
  const alias = `e${level + 1}`;
  const { dialect } = source;
  const element: Json = { kind: "element", alias, dialect };
  const inner = compareTyped(element, "=", value);
  const any = fragment(
    `EXISTS (SELECT 1 FROM ${dialect.jsonEach(source, true)} AS ${alias} WHERE ${inner.sql})`,
    inner.parameters,
  );
  return joinFragments("OR", [compareTyped(source, "=", value), any]);
}

/** A value of another type differs too; what is kept as bytes is not looked into. */
function differs(source: Json, value: Value): Fragment {
  const equal = compareTyped(source, "=", value);
  const { dialect } = source;
  const bytes = dialect.jsonType(dialect.jsonMember(source, `."${EXACT_BYTES}"`));
  return fragment(
    `(${dialect.jsonType(source)} IS NOT NULL AND ${bytes} IS NULL AND NOT (${equal.sql}))`,
    equal.parameters,
  );
}

function compareTyped(source: Json, operator: Comparison, value: Value): Fragment {
  const { dialect } = source;
  const [type, json] = [dialect.jsonType(source), dialect.jsonValue(source)];
  if (value.kind === "text") {
    const { sql, parameters } = dialect.matches(json, value.pieces, false);
    return fragment(`(${type} = 'text' AND ${sql})`, parameters);
  }
  if (value.kind !== "json") throw new Error("a JSON value has a type of JSON");
  switch (typeof value.value) {
    case "string":
      return joinFragments("AND", [
        fragment(`${type} = 'text'`),
        compareText([json], operator, [value.value], dialect),
      ]);
    case "number": {
      // What is beyond a double's range is no value.
      const number = dialect.toDouble(json);
      const isNumber = `${type} IN ('integer', 'real') AND abs(${number}) < ${dialect.infinity}`;
      return fragment(`(${isNumber} AND ${number} ${operator} ?)`, [value.value]);
    }
    case "boolean":
      return fragment(`${type} = ${value.value ? "'true'" : "'false'"}`);
    default:
      return fragment(`${type} = 'null'`);
  }
}

// A google.protobuf.Value compared with a value of a filter: whatever JSON is there, by its own type.
// A number is never equal to a string; only values of one type are less or more.

import type { Operator } from "../../../query/filter/ast.ts";
import type { Value } from "../../../schema/types/leaf.ts";

import { type Comparison, compareText } from "./compare-rows.ts";
import { type Fragment, fragment, joinFragments } from "./fragment.ts";
import { matchPattern } from "./pattern.ts";
import { isUtf16, jsonEach, jsonType, jsonValue, objectOf, type Source } from "./source.ts";

/** The condition that the JSON at `source` compares so; `:` also looks into a list. */
export function compareJson(
  source: Source,
  operator: Operator,
  value: Value,
  level: number,
): Fragment {
  if (operator === "!=") return differs(source, value);
  if (operator !== ":") return compareTyped(source, operator, value);
  const alias = `e${level + 1}`;
  const element: Source = { kind: "element", alias, isUtf16: isUtf16(source) };
  const inner = compareTyped(element, "=", value);
  const any = fragment(
    `EXISTS (SELECT 1 FROM ${jsonEach(source, true)} AS ${alias} WHERE ${inner.sql})`,
    inner.parameters,
  );
  return joinFragments("OR", [compareTyped(source, "=", value), any]);
}

/** A value of another type differs too; what is kept as bytes is not looked into. */
function differs(source: Source, value: Value): Fragment {
  const equal = compareTyped(source, "=", value);
  const bytes =
    source.kind === "element"
      ? `json_type(${objectOf(source.alias)}, '$."$wire"')`
      : jsonType({ ...source, path: `${(source as { path: string }).path}."$wire"` } as Source);
  return fragment(
    `(${jsonType(source)} IS NOT NULL AND ${bytes} IS NULL AND NOT (${equal.sql}))`,
    equal.parameters,
  );
}

function compareTyped(source: Source, operator: Comparison, value: Value): Fragment {
  const [type, json] = [jsonType(source), jsonValue(source)];
  if (value.kind === "text") {
    const text = { sql: json, isUtf16: isUtf16(source) };
    const { sql, parameters } = matchPattern(text, value.pieces, false);
    return fragment(`(${type} = 'text' AND ${sql})`, parameters);
  }
  if (value.kind !== "json") throw new Error("a JSON value has a type of JSON");
  switch (typeof value.value) {
    case "string":
      return joinFragments("AND", [
        fragment(`${type} = 'text'`),
        compareText([json], operator, [value.value], source),
      ]);
    case "number": {
      // What is beyond a double's range is no value.
      const number = `CAST(${json} AS REAL)`;
      const isNumber = `${type} IN ('integer', 'real') AND abs(${number}) < 9e999`;
      return fragment(`(${isNumber} AND ${number} ${operator} ?)`, [value.value]);
    }
    case "boolean":
      return fragment(`${type} = ${value.value ? "'true'" : "'false'"}`);
    default:
      return fragment(`${type} = 'null'`);
  }
}

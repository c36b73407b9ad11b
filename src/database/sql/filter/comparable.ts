// SQL expressions that compare as the values that they stand for, wherever a value is stored.
// A value may need several, which compare as a row value does; all are NULL if there is no value.

import { timeNumberMs } from "../../../schema/time-format.ts";
import { FALSE_VALUES, TRUE_VALUES } from "../../../schema/types/bool.ts";
import type { Leaf } from "../../../schema/types/leaf.ts";
import { sqlString } from "./fragment.ts";
import { jsonComparable } from "./json-sql.ts";
import type { ColumnSource, Source } from "./source.ts";
import { dayText, instantText } from "./time-sql.ts";

/** The expressions of a value; one in most cases. */
export type Comparable = readonly string[];

/** The expressions for the value of `leaf` that is at `source`. */
export function comparable(source: Source, leaf: Leaf): Comparable {
  switch (source.kind) {
    case "part":
      return [source.sql];
    case "column":
      return [source.generated ?? columnComparable(source, leaf)];
    case "json":
      if (source.generated !== undefined && !IN_PARTS.has(leaf.kind)) return [source.generated];
      return jsonComparable(source, leaf);
    default:
      return jsonComparable(source, leaf);
  }
}

function columnComparable({ sql, column }: ColumnSource, leaf: Leaf): string {
  switch (leaf.kind) {
    case "timestamp":
      return column?.timeFormat ? timeNumberMs(column.timeFormat, sql) : instantText(sql);
    case "date":
      return dayText(sql);
    case "bool":
      return `CASE WHEN ${sql} IN ${TRUE_LIST} THEN 1 WHEN ${sql} IN ${FALSE_LIST} THEN 0 END`;
    default:
      return sql;
  }
}

const [TRUE_LIST, FALSE_LIST] = [TRUE_VALUES, FALSE_VALUES].map((values) => {
  const list = values.map((value) => (typeof value === "string" ? sqlString(value) : `${value}`));
  return `(${list.join(", ")})`;
});

/** What needs several expressions: no one column has it. */
const IN_PARTS: ReadonlySet<Leaf["kind"]> = new Set(["duration", "date", "money"]);

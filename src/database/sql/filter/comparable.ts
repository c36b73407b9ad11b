// SQL expressions that compare as the values that they stand for, wherever a value is stored.
// A value may need several, which compare as a row value does; all are NULL if there is no value.

import type { Leaf } from "../../../schema/types/leaf.ts";
import type { ColumnSource, Source } from "./source.ts";

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
      return source.dialect.jsonLeaf(source, leaf);
    case "element":
      return source.dialect.jsonLeaf(source, leaf);
    case "row":
    case "children":
      throw new Error("rows are no value");
  }
}

function columnComparable({ sql, column, dialect }: ColumnSource, leaf: Leaf): string {
  switch (leaf.kind) {
    case "timestamp":
      return column?.timeFormat
        ? dialect.timeNumber(column.timeFormat, sql)
        : dialect.instantText(sql);
    case "date":
      return dialect.dayText(sql);
    case "bool":
      return dialect.boolValue(sql);
    default:
      return sql;
  }
}

/** What needs several expressions: no one column has it. */
const IN_PARTS: ReadonlySet<Leaf["kind"]> = new Set(["duration", "date", "money"]);

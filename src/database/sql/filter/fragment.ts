// Pieces of SQL text with their parameters, and the few ways to put them together.
// No value ever enters the text but constants of this program and names from descriptors and plans.

import type { SqlValue } from "../../../schema/sql-value.ts";

/** SQL text and the values of its parameters, in the order of their marks. */
export interface Fragment {
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
}

/** A fragment from text with one mark for each of the parameters. */
export function fragment(sql: string, parameters: readonly SqlValue[] = []): Fragment {
  return { sql, parameters };
}

/** The fragments with AND or OR between them, in parentheses if there are several. */
export function joinFragments(operator: "AND" | "OR", parts: readonly Fragment[]): Fragment {
  if (parts.length === 1) return parts[0] as Fragment;
  return {
    sql: `(${parts.map(({ sql }) => sql).join(` ${operator} `)})`,
    parameters: parts.flatMap(({ parameters }) => parameters),
  };
}

/** A constant as SQL text. */
export function sqlString(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Marks for that many parameters: `?`, or a row value such as `(?, ?)`. */
export function marks(count: number): string {
  return rowOf(Array.from({ length: count }, () => "?"));
}

/** One expression as it is, several as a row value. */
export function rowOf(expressions: readonly string[]): string {
  return expressions.length === 1 ? (expressions[0] as string) : `(${expressions.join(", ")})`;
}

// The values that a column can hold, as the databases' drivers bind and read them.
// Knows no driver; each driver binds and reads exactly these.

/** A value of a column: number is REAL, bigint is INTEGER. */
export type SqlValue = null | bigint | number | string | Uint8Array;

/** A row, its values in the order of the statement's columns. */
export type Row = readonly SqlValue[];

export const INT64_MIN = -(2n ** 63n);
export const INT64_MAX = 2n ** 63n - 1n;

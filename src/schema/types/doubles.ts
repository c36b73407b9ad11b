// The doubles that stand for exact decimal numbers and for floats, in columns that hold doubles.
// No float arithmetic: a double is only ever compared by its decimal digits.

import type { Decimal } from "./decimal.ts";

/** The significant digits that a Money column is read with (schema/types/money.ts). */
const DOUBLE_DIGITS = 15;

/**
 * The doubles that a Money column is compared with: the least one that stands for `decimal` or more,
 * and the greatest one that stands for it or less. Between them lie those that stand for it.
 */
export function doublesOf(decimal: Decimal): { least: number; greatest: number } {
  // Read from its text: digits and scale may each be beyond a double where the number is not.
  const near = Number(formatDecimal(decimal));
  return {
    least: walk(near, (double) => compareDouble(double, decimal) >= 0, -1),
    greatest: walk(near, (double) => compareDouble(double, decimal) <= 0, 1),
  };
}

/** The least and the greatest double that a float is the nearest float of. */
export function doublesOfFloat(float: number): { least: number; greatest: number } {
  const edge = (direction: 1 | -1) => {
    // Half the way to the next float; of two that are as near, the one with an even end is taken.
    const next = neighbourFloat(float, direction);
    const half = Number.isFinite(next) ? (float + next) / 2 : direction * FLOAT_END;
    return Math.fround(half) === float ? half : neighbour(half, -direction as 1 | -1);
  };
  return { least: edge(-1), greatest: edge(1) };
}

/** Half the way from the greatest float to the next one, if there were one: no float is nearest. */
export const FLOAT_END = 2 ** 128 - 2 ** 103;

function neighbourFloat(float: number, direction: 1 | -1): number {
  if (float === 0) return direction * 2 ** -149;
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, float);
  const away = float > 0 === direction > 0 ? 1 : -1;
  view.setInt32(0, view.getInt32(0) + away);
  return view.getFloat32(0);
}

/** The last double in the direction for which `holds` is true; it is false from some double on. */
function walk(near: number, holds: (double: number) => boolean, direction: 1 | -1): number {
  let double = near;
  while (!holds(double)) double = neighbour(double, -direction as 1 | -1);
  while (holds(neighbour(double, direction))) double = neighbour(double, direction);
  return double;
}

function formatDecimal({ digits, scale }: Decimal): string {
  return `${digits}e-${scale}`;
}

function compareDouble(double: number, decimal: Decimal): number {
  const match = /^(-?\d)(?:\.(\d+))?e([+-]\d+)$/.exec(double.toExponential(DOUBLE_DIGITS - 1));
  const [, whole = "0", fraction = "", exponent = "0"] = match ?? [];
  const scale = fraction.length - Number(exponent);
  const digits = BigInt(whole + fraction) * 10n ** BigInt(Math.max(0, -scale));
  return compareDecimals({ digits, scale: Math.max(0, scale) }, decimal);
}

/** Negative, zero or positive, as for sorting. */
function compareDecimals(a: Decimal, b: Decimal): number {
  const left = a.digits * 10n ** BigInt(Math.max(0, b.scale - a.scale));
  const right = b.digits * 10n ** BigInt(Math.max(0, a.scale - b.scale));
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The next double up or down. */
function neighbour(double: number, direction: 1 | -1): number {
  if (double === 0) return direction * Number.MIN_VALUE;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, double);
  const away = double > 0 === direction > 0 ? 1n : -1n;
  view.setBigUint64(0, view.getBigUint64(0) + away);
  return view.getFloat64(0);
}

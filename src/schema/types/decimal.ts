// Exact decimal numbers, as people write amounts: integers of digits, without float arithmetic.
// Knows no currency and no column.

/** `digits` / 10^`scale`. */
export interface Decimal {
  readonly digits: bigint;
  readonly scale: number;
}

/** A number such as `-12.50`; undefined if the text is none, or has an exponent. */
export function parseDecimal(text: string): Decimal | undefined {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (!match) return undefined;
  const [, sign, whole = "", fraction = ""] = match;
  return { digits: BigInt(`${sign}${whole}${fraction}`), scale: fraction.length };
}

/** The number times 10^`places`, rounded down and rounded up to an integer. */
export function scaleDecimal({ digits, scale }: Decimal, places: number): [bigint, bigint] {
  if (scale <= places) {
    const exact = digits * 10n ** BigInt(places - scale);
    return [exact, exact];
  }
  const divisor = 10n ** BigInt(scale - places);
  const floor = floorDivide(digits, divisor);
  return [floor, digits % divisor === 0n ? floor : floor + 1n];
}

/** The quotient rounded down, also below zero. */
export function floorDivide(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  return dividend % divisor < 0n ? quotient - 1n : quotient;
}

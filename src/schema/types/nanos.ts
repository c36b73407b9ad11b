// Whole units with nanos beside, as Duration and Money have them: both of one sign, nanos below a unit.
// Integers only.

/** The nanos in a second, or in a unit of money. */
export const NANOS_PER_UNIT = 1_000_000_000n;

const NANOS_END = Number(NANOS_PER_UNIT);

/** True for nanos below one unit that count as it does, up or down. */
export function hasOneSign(whole: bigint, nanos: number): boolean {
  return Math.abs(nanos) < NANOS_END && !(whole > 0n && nanos < 0) && !(whole < 0n && nanos > 0);
}

/** True for nanos from zero up, below one unit. */
export function isFraction(nanos: number): boolean {
  return nanos >= 0 && nanos < NANOS_END;
}

/** Nanos as the whole units and the rest, which have one sign, as the division of bigints gives them. */
export function splitNanos(nanos: bigint): { readonly units: bigint; readonly nanos: number } {
  return { units: nanos / NANOS_PER_UNIT, nanos: Number(nanos % NANOS_PER_UNIT) };
}

/** All of it in nanos. */
export function joinNanos(units: bigint, nanos: number): bigint {
  return units * NANOS_PER_UNIT + BigInt(nanos);
}

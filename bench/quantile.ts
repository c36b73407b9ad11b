// A figure among measurements: knows nothing of what was measured.

/** The value below which the part `q` of the values lies, from 0 to 1; NaN if there are none. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(q * (sorted.length - 1))] ?? Number.NaN;
}

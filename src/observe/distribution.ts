// How values are distributed, in counts by size: cheap enough for every call, and in memory that threads
// can share. Each has one writer; who reads may be another thread.

/** How many values there were of each size, and their sum. */
export interface Distribution {
  /** The largest value of each size; of the last one there is none. */
  readonly bounds: readonly number[];
  /** One more than there are bounds. */
  readonly counts: readonly number[];
  readonly sum: number;
}

/** The numbers that a distribution with these bounds takes. */
export function cellsOf(bounds: readonly number[]): number {
  return bounds.length + 2;
}

/** Counts a value in the cells that begin at `start`. */
export function observe(
  cells: Float64Array,
  start: number,
  bounds: readonly number[],
  value: number,
): void {
  let size = 0;
  while (size < bounds.length && value > (bounds[size] as number)) size += 1;
  cells[start + size] = (cells[start + size] as number) + 1;
  const sum = start + bounds.length + 1;
  cells[sum] = (cells[sum] as number) + value;
}

/** What the cells that begin at `start` have counted. */
export function readDistribution(
  cells: Float64Array,
  start: number,
  bounds: readonly number[],
): Distribution {
  const end = start + bounds.length + 1;
  return { bounds, counts: [...cells.subarray(start, end)], sum: cells[end] as number };
}

/** Several with the same bounds as one. */
export function joinDistributions(
  first: Distribution,
  others: readonly Distribution[],
): Distribution {
  return {
    bounds: first.bounds,
    counts: first.counts.map((count, size) =>
      others.reduce((sum, { counts }) => sum + (counts[size] ?? 0), count),
    ),
    sum: others.reduce((sum, other) => sum + other.sum, first.sum),
  };
}

// Random numbers from a seed, so that a failure can be repeated.
// What the operating system schedules stays outside of it.

/** The seed of this run: `DURABILITY_SEED`, or a new one. */
export function chooseSeed(): number {
  return Number(process.env.DURABILITY_SEED ?? newSeed());
}

/** A seed that no run had before, most likely. */
export function newSeed(): number {
  return Math.floor(Math.random() * 2 ** 31);
}

/** A generator of random numbers. */
export interface Random {
  /** From 0 to 1, without 1. */
  next(): number;
  /** An integer from 0 to `limit`, without `limit`. */
  below(limit: number): number;
  chance(probability: number): boolean;
  /** One of `values`, of which there must be one. */
  pick<T>(values: readonly T[]): T;
}

/** Mulberry32. */
export function createRandom(seed: number): Random {
  let state = seed | 0;
  function next(): number {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
  const below = (limit: number) => Math.floor(next() * limit);
  return {
    next,
    below,
    chance: (probability) => next() < probability,
    pick: (values) => values[below(values.length)] as (typeof values)[number],
  };
}

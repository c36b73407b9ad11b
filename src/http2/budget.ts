// How often something may happen: so many times at once, and so many in a second.
// Must not know what happens.

/** So many at once, and so many in a second. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** A token bucket, which looks at the clock only when it seems to be empty. */
export class Budget {
  readonly #burst: number;
  readonly #perSecond: number;
  #left: number;
  #filledMs = performance.now();

  constructor({ burst, perSecond }: Rate) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#left = burst;
  }

  /** False if it is one time too many. */
  take(): boolean {
    if (this.#left < 1) this.#fill();
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }

  /** Allows more of it. */
  give(count: number): void {
    this.#left = Math.min(this.#left + count, this.#burst);
  }

  #fill(): void {
    const nowMs = performance.now();
    this.give(((nowMs - this.#filledMs) * this.#perSecond) / 1_000);
    this.#filledMs = nowMs;
  }
}

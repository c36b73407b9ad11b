// A progress bar of one line on standard error, drawn on a terminal only.
// Writes nothing where standard error is no terminal, so that logs stay clean.

/** Shows how far something is that takes long. */
export interface Progress {
  /** Draws the bar anew; a `total` of 0 is drawn as done. */
  update(done: number, total: number): void;
  /** Removes the bar. */
  end(): void;
}

const BAR_WIDTH = 30;

/** A progress bar that begins with `label`; it does nothing where there is no terminal. */
export function createProgress(label: string): Progress {
  let drawn = -1;
  return {
    update(done, total) {
      const percent = total === 0 ? 100 : Math.floor((100 * done) / total);
      if (!process.stderr.isTTY || percent === drawn) return;
      drawn = percent;
      const filled = Math.round((BAR_WIDTH * percent) / 100);
      const bar = "#".repeat(filled).padEnd(BAR_WIDTH, ".");
      process.stderr.write(`\r${label} [${bar}] ${percent}%\u001b[K`);
    },
    end() {
      if (drawn >= 0) process.stderr.write("\r\u001b[K");
      drawn = -1;
    },
  };
}

// The figures of a run as tables in Markdown, for docs/durability.md.
// Measures nothing and judges nothing.

/** Prints a table between empty lines. */
export function printFigures(table: string): void {
  console.info(`\n${table}\n`);
}

export interface CrashCounts {
  readonly kills: number;
  readonly bootsKilled: number;
  readonly acknowledged: number;
  readonly unanswered: number;
  /** Of those without an answer. */
  readonly carriedOut: number;
  readonly revision: bigint;
  readonly bootsMs: readonly number[];
}

export function crashFigures(counts: CrashCounts): string {
  const bootsMs = counts.bootsMs.toSorted((a, b) => a - b);
  return toTable(
    ["crash of the process", ""],
    [
      ["kills under load", counts.kills],
      ["kills of a server that was starting", counts.bootsKilled],
      ["writes acknowledged", counts.acknowledged],
      ["of these lost", 0],
      ["writes without an answer", counts.unanswered],
      ["of these carried out", counts.carriedOut],
      ["revision at the end", counts.revision],
      ["start to SERVING, p50", inMs(quantile(bootsMs, 0.5))],
      ["start to SERVING, p99", inMs(quantile(bootsMs, 0.99))],
      ["start to SERVING, most", inMs(quantile(bootsMs, 1))],
    ],
  );
}

export interface PowerLossCounts {
  images: number;
  imagesWithLoss: number;
  /** Images made at a moment at which something was not synced. */
  imagesWithPending: number;
  /** The most acknowledged writes that one image has lost. */
  lostMost: number;
  /** What the first of them lost, and how to make it again. */
  firstLoss: string | undefined;
  recordings: number;
  acknowledged: number;
  walSyncs: number;
  checkpoints: number;
  walRestarts: number;
}

export function powerLossFigures(durability: string, counts: PowerLossCounts): string {
  return toTable(
    ["loss of power", `\`--durability ${durability}\``],
    [
      ["images", counts.images],
      ["of these corrupt, or with half a batch", 0],
      ["of these without a write that was acknowledged", counts.imagesWithLoss],
      ["the most acknowledged writes that one of them lost", counts.lostMost],
      ["images cut while something was not synced", counts.imagesWithPending],
      ["recordings", counts.recordings],
      ["writes acknowledged in them", counts.acknowledged],
      ["syncs of the log", counts.walSyncs],
      ["checkpoints", counts.checkpoints],
      ["the log began again", counts.walRestarts],
    ],
  );
}

export function toTable(head: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const lines = [head, head.map(() => "---"), ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(Math.ceil(sorted.length * share), sorted.length) - 1] ?? 0;
}

function inMs(milliseconds: number): string {
  return `${Math.round(milliseconds)} ms`;
}

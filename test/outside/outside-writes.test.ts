// Whatever other programs and their triggers do to the file, what the service answers is what the file
// says, and an etag changes if and only if the message does.
// OUTSIDE_SEED repeats a run, OUTSIDE_STATEMENTS makes a longer one, of new statements each time.

import { expect, test } from "vitest";
import { newSeed } from "../durability/random.ts";
import { describe as describeFailure, type Failure, runSeed, shrink } from "./campaign.ts";

const STATEMENTS = Number(process.env.OUTSIDE_STATEMENTS ?? 1_500);
const IS_LONG = process.env.OUTSIDE_STATEMENTS !== undefined;
const SEED = Number(process.env.OUTSIDE_SEED ?? (IS_LONG ? newSeed() : 1));
const STATEMENTS_PER_KIND = 150;
const FAILURES_MAX = Number(process.env.OUTSIDE_FAILURES ?? 3);
const SHRINK_ATTEMPTS = Number(process.env.OUTSIDE_SHRINK ?? 40);

test(
  "what is answered is what the file says, whoever wrote it",
  async () => {
    const failures: Failure[] = [];
    const known = new Set<string>();
    const refused: string[] = [];
    let done = 0;
    let served = 0;
    for (let seed = SEED; done < STATEMENTS && failures.length < FAILURES_MAX; seed++) {
      const result = await runSeed(seed, STATEMENTS_PER_KIND, known);
      if (result.refused) refused.push(`${result.refused} (${result.kind.features.join(", ")})`);
      else served++;
      // A refused kind counts as one step, so that a run ends whatever is refused.
      done += Math.max(result.steps, 1);
      for (const failure of result.failures.slice(0, FAILURES_MAX - failures.length)) {
        failures.push(await shrink(failure, SHRINK_ATTEMPTS));
        if (IS_LONG) console.info(describeFailure(failures.at(-1) as Failure));
      }
    }
    console.info(`OUTSIDE_SEED=${SEED}: ${done} steps, ${served} kinds, ${refused.length} refused`);
    if (IS_LONG) for (const reason of refused) console.info(reason);
    expect(failures.map(describeFailure).join("\n\n")).toBe("");
    expect(served).toBeGreaterThan(0);
  },
  24 * 60 * 60 * 1_000,
);

// One bit of the closed file flipped, anywhere: no message that is served differs from what it was,
// other rows are answered or the whole file is refused by name, and every error is one of ours.
// BITFLIP_SEED repeats a run, BITFLIPS makes a longer one, of new bits each time.

import { expect, test } from "vitest";
import { createRandom, newSeed } from "../durability/random.ts";
import { tempDir } from "../support/temp.ts";
import { makeOriginal, readFlipped } from "./flipped-file.ts";

const FLIPS = Number(process.env.BITFLIPS ?? 60);
const SEED = Number(process.env.BITFLIP_SEED ?? (process.env.BITFLIPS ? newSeed() : 1));

/** The header, and the schema behind it. */
const FIRST_PAGE_BITS = 4_096 * 8;

test(
  "a flipped bit is never served as a message",
  async () => {
    const random = createRandom(SEED);
    const original = await makeOriginal(tempDir(), SEED);
    const wrong: string[] = [];
    let [refused, damaged, lost] = [0, 0, 0];
    for (let flip = 0; flip < FLIPS; flip++) {
      const bit = random.below(random.chance(0.1) ? FIRST_PAGE_BITS : original.bits);
      const answers = await readFlipped(original, bit);
      wrong.push(...answers.wrong.map((what) => `bit ${bit}: ${what}`));
      if (answers.refused !== undefined) refused++;
      else if (answers.answered < original.messages.size) damaged++;
      lost += answers.lost.length;
      const isSilent = answers.refused === undefined && answers.answered === 0;
      if (isSilent) wrong.push(`bit ${bit}: it is served, and nothing is answered`);
    }
    const counts = `${refused} refused, ${damaged} with rows that cannot be read, ${lost} rows lost`;
    console.info(`BITFLIP_SEED=${SEED}: ${FLIPS} flips in ${original.bits / 8} bytes, ${counts}`);
    expect(wrong).toEqual([]);
  },
  60 * 60 * 1_000,
);

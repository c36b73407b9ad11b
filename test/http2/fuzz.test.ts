// The comparison with nghttp2 by frames at random. HTTP2_SEQUENCES is how many, HTTP2_SEED where it begins.

import { expect, onTestFinished, test } from "vitest";
import { newSeed } from "../durability/random.ts";
import { compareOnce, startFuzzServers } from "./fuzz.ts";

const SEQUENCES = Number(process.env.HTTP2_SEQUENCES ?? 300);
const SEED = Number(process.env.HTTP2_SEED ?? newSeed());
const AT_ONCE = 10;
const MEMORY_BYTES_MAX = 256 * 1024 * 1024;

test(
  `${SEQUENCES} sequences of frames are answered as by nghttp2, or refused`,
  async () => {
    const servers = await startFuzzServers();
    onTestFinished(servers.close);
    const before = process.memoryUsage().rss;
    for (let done = 0; done < SEQUENCES; done += AT_ONCE) {
      const seeds = Array.from({ length: AT_ONCE }, (_, index) => SEED + done + index);
      await Promise.all(seeds.map((seed) => compareOnce(servers, seed)));
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(MEMORY_BYTES_MAX);
  },
  24 * 3_600_000,
);

// The server is killed while clients write, again and again, on one database: what was acknowledged
// is there after each restart, and nothing is there by halves.
// `DURABILITY_KILLS=1000` makes the long version of it; docs/durability.md says what else may be set.

import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { DRIVER, makeDatabase } from "../support/driver.ts";
import { findingsOf } from "../support/verified.ts";
import { checkAnswers } from "./answers.ts";
import { crashFigures, printFigures } from "./figures.ts";
import { createHistory, type History, type Item } from "./history.ts";
import { judge, settle } from "./judge.ts";
import { startLoad } from "./load.ts";
import { chooseSeed, createRandom, type Random } from "./random.ts";
import { endGroup, type Server, spawnServer, startServer, waitUntilServing } from "./server.ts";
import { readState, untilForgotten } from "./state.ts";

const KILLS = Number(process.env.DURABILITY_KILLS ?? (DRIVER === "sqlite" ? 15 : 4));
/** More arguments of `protostore serve`, for example `--processes 2`. */
const SERVE_ARGS = (process.env.DURABILITY_SERVE_ARGS ?? "").split(" ").filter(Boolean);
/** `child` kills one of the server's own processes in every other round. */
const KILLS_CHILDREN = process.env.DURABILITY_KILL === "child";
const LOAD_MS_MAX = 40;
/** The share of kills in the moment of an answer, and up to which answer. */
const KILLS_AT_ANSWER = 0.5;
const ANSWERS_MAX = 50;
/** The share of the others that wait for the first answer. */
const WARM_KILLS = 0.8;
const BOOT_MS_MAX = 400;
const BOOTS_KILLED = 0.05;
const PASSED_ON_MS = 500;
const VERIFY_EVERY = 100;
const ROUND_TIMEOUT_MS = 10_000;

test(`${KILLS} kills lose no acknowledged write and leave no half of a batch`, {
  timeout: 60_000 + KILLS * ROUND_TIMEOUT_MS,
}, async () => {
  const seed = chooseSeed();
  const random = createRandom(seed);
  const database = await makeDatabase();
  const history = createHistory();
  const bootsMs: number[] = [];
  const counts = { acknowledged: 0, unanswered: 0, carriedOut: 0, bootsKilled: 0 };
  let server: Server | undefined;
  let revision = 0n;
  onTestFinished(() => server?.end("SIGKILL"));

  async function start(): Promise<Server> {
    await untilForgotten(database);
    const started = await startServer(database, SERVE_ARGS);
    bootsMs.push(started.bootMs);
    return started;
  }

  /** Holds the database, which a server has opened again, against the history. */
  async function check(running: Server, touched: ReadonlySet<Item>, round: number) {
    const state = await readState(database);
    const verdict = judge(history, state);
    const message = `seed ${seed}, kill ${round}`;
    expect(verdict, message).toEqual({ lost: [], broken: [] });
    expect(state.revision, message).toBeGreaterThanOrEqual(revision);
    revision = state.revision;
    expect(await checkAnswers(running.address, touched, state), message).toEqual([]);
    if (round % VERIFY_EVERY === 0 || round === KILLS) {
      expect(await findingsOf(database), message).toEqual([]);
    }
    return state;
  }

  server = await start();
  for (let round = 1; round <= KILLS; round++) {
    const killsChild = KILLS_CHILDREN && round % 2 === 0;
    const { touched, unanswered, acknowledged } = await loadUntilKilled(server, {
      ...{ history, random, prefix: `r${round}` },
      kill: async (running) => {
        if (killsChild) running.killOneChild(random);
        else await running.end("SIGKILL");
      },
    });
    if (killsChild) {
      // What the dead process has passed on to another may still be carried out.
      await sleep(PASSED_ON_MS);
      await waitUntilServing(server.address);
    } else {
      if (random.chance(BOOTS_KILLED)) {
        counts.bootsKilled += 1;
        await killWhileStarting(database, random);
      }
      server = await start();
    }
    const state = await check(server, touched, round);
    counts.acknowledged += acknowledged;
    counts.unanswered += unanswered.length;
    counts.carriedOut += settle(history, unanswered, state);
  }
  await server.end("SIGTERM");
  expect(await findingsOf(database), `seed ${seed}`).toEqual([]);
  printFigures(crashFigures({ kills: KILLS, revision, bootsMs, ...counts }));
  expect(counts.acknowledged).toBeGreaterThan(0);
  expect(counts.unanswered).toBeGreaterThan(0);
});

interface Round {
  readonly history: History;
  readonly random: Random;
  readonly prefix: string;
  readonly kill: (server: Server) => Promise<void>;
}

/**
 * Kills the server while clients write: at a random moment, or in the moment of an answer. Returns
 * what they wrote to, and how far they came.
 */
async function loadUntilKilled(server: Server, { history, random, prefix, kill }: Round) {
  const touched = new Set<Item>();
  const firstAnswer = Promise.withResolvers<void>();
  const killed = Promise.withResolvers<void>();
  const killNow = () => kill(server).then(killed.resolve, killed.reject);
  const lastAnswer = random.chance(KILLS_AT_ANSWER) ? 1 + random.below(ANSWERS_MAX) : 0;
  let acknowledged = 0;
  const load = await startLoad({
    ...{ address: server.address, history, random, prefix },
    onSent: (item) => touched.add(item),
    onAcknowledged: () => {
      acknowledged += 1;
      // An answer that was given too early is found out here.
      if (acknowledged === lastAnswer) void killNow();
      firstAnswer.resolve();
    },
  });
  if (lastAnswer === 0) {
    // A server that has just started takes a while to answer the first calls.
    if (random.chance(WARM_KILLS)) await Promise.race([firstAnswer.promise, load.ended]);
    await sleep(random.next() * LOAD_MS_MAX);
    void killNow();
  }
  await Promise.race([killed.promise, load.ended]);
  load.stop();
  const unanswered = await load.ended;
  if (acknowledged < lastAnswer) throw new Error("the server has ended before it was killed");
  await killed.promise;
  return { touched, unanswered, acknowledged };
}

async function killWhileStarting(database: string, random: Random): Promise<void> {
  const child = spawnServer(database, SERVE_ARGS);
  await sleep(random.next() * BOOT_MS_MAX);
  await endGroup(child, "SIGKILL");
}

// Runs kinds of schemas through random steps, and makes what fails small: fewer steps, fewer features.

import { inspect } from "node:util";
import { createRandom } from "../durability/random.ts";
import { keysIn, randomCalls } from "./calls.ts";
import type { Fault } from "./fault.ts";
import { type Kind, randomKind } from "./kinds.ts";
import { openStage, type Step } from "./stage.ts";
import { randomSql } from "./statements.ts";
import { TABLES } from "./tables.ts";

/** A failure, with all that is needed to see it again. */
export interface Failure {
  readonly seed: number;
  readonly kind: Kind;
  readonly steps: readonly Step[];
  readonly fault: Fault;
}

/** What a run of one kind came to. */
export interface RunResult {
  readonly steps: number;
  readonly kind: Kind;
  readonly refused?: string;
  readonly failures: readonly Failure[];
}

/** The beginnings of checks that are not looked at, for who looks for other ones. */
const PASSED_OVER = (process.env.OUTSIDE_PASS_OVER ?? "").split(";").filter((text) => text !== "");

/** How often everything is looked at, whatever has changed: after so many steps. */
const CHECK_ALL_STEPS = 75;

/** Takes `count` random steps on the kind that the seed gives. Each check fails once: it is `known` then. */
export async function runSeed(seed: number, count: number, known: Set<string>): Promise<RunResult> {
  const random = createRandom(seed);
  const kind = randomKind(random);
  const { stage, refused } = await openStage(kind);
  if (!stage) return { steps: 0, kind, refused, failures: [] };
  const steps: Step[] = [];
  const failures: Failure[] = [];
  const context = {
    keysOf: (table: string) => keysIn(stage.state(), table),
    hasBroken: kind.features.includes("broken values"),
    favorites: TABLES.filter(({ name }) => isNamed(kind, name)),
  };
  const isNew = (check: string) =>
    !known.has(check) && !PASSED_OVER.some((p) => check.startsWith(p));
  try {
    while (steps.length < count) {
      const step = random.chance(0.3)
        ? randomCalls(random, stage.state())
        : randomSql(random, context);
      steps.push(step);
      const isLast = steps.length === count;
      const faults = await stage.apply(step);
      if (
        !faults.some(({ check }) => isNew(check)) &&
        (isLast || steps.length % CHECK_ALL_STEPS === 0)
      ) {
        faults.push(...(await stage.checkAll()));
      }
      for (const fault of faults) {
        if (!isNew(fault.check)) continue;
        known.add(fault.check);
        failures.push({ seed, kind, steps: [...steps], fault });
      }
    }
    return { steps: count, kind, failures };
  } finally {
    await stage.close();
  }
}

/** Whether a feature of the kind is about the table. */
function isNamed({ features }: Kind, table: string): boolean {
  return features.some((feature) => new RegExp(`\\b${table}\\b`).test(feature));
}

/** The first fault of the same check that these steps lead to, if any. */
async function replay(
  kind: Kind,
  steps: readonly Step[],
  check: string,
): Promise<Fault | undefined> {
  const { stage } = await openStage(kind);
  if (!stage) return undefined;
  try {
    for (const step of steps) {
      const faults = await stage.apply(step);
      const found = faults.find((fault) => fault.check === check);
      if (found) return found;
    }
    return (await stage.checkAll()).find((fault) => fault.check === check);
  } finally {
    await stage.close();
  }
}

/** The failure with as few steps and features as `attempts` replays can find. */
export async function shrink(failure: Failure, attempts: number): Promise<Failure> {
  let best = failure;
  let left = attempts;
  const tryWith = async (kind: Kind, steps: readonly Step[]) => {
    if (left-- <= 0) return false;
    const fault = await replay(kind, steps, failure.fault.check);
    if (fault) best = { ...best, kind, steps, fault };
    return fault !== undefined;
  };
  for (let size = 1; size < failure.steps.length; size *= 2) {
    if (await tryWith(best.kind, failure.steps.slice(-size))) break;
  }
  for (let size = Math.ceil(best.steps.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < best.steps.length && left > 0; ) {
      if (!(await tryWith(best.kind, best.steps.toSpliced(at, size)))) at += size;
    }
  }
  for (const feature of failure.kind.features) {
    const features = best.kind.features.filter((candidate) => candidate !== feature);
    await tryWith({ ...best.kind, features }, best.steps);
  }
  if (best.kind.naming !== "ours") await tryWith({ ...best.kind, naming: "ours" }, best.steps);
  return best;
}

/** The failure as a text. */
export function describe({ seed, kind, steps, fault }: Failure): string {
  const shown = steps.slice(-8).map((step) => {
    if (step.kind === "calls") {
      return step.calls
        .map(({ method, request }) => `${method} ${JSON.stringify(request)}`)
        .join("\n    & ");
    }
    const pragmas = `foreign_keys ${step.foreignKeys ? "on" : "off"}, recursive_triggers ${step.recursiveTriggers ? "on" : "off"}`;
    return `${step.statements.join("; ")}  (${pragmas})`;
  });
  return [
    `${fault.check}: ${fault.detail}`,
    `  kind: ${inspect(kind, { breakLength: Infinity })}`,
    `  after ${steps.length} steps, seed ${seed}:`,
    ...shown.map((line) => `  > ${line}`),
  ].join("\n");
}

// The doubles that stand for an amount are found at once, however it is written.

import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { REPO_ROOT } from "../support/tools.ts";

const LONG = "0".repeat(300);

/** Amounts, and the same in fewer digits. */
const AMOUNTS = [
  ["0.990", "0.99"],
  [`0.0000000001${LONG}`, "0.0000000001"],
  [`-1.5${LONG}`, "-1.5"],
  [`99999999999999999.25${LONG}`, "99999999999999999.25"],
] as const;

test("zeros at the end of an amount change nothing", () => {
  // In a process of its own, which can be ended if it searches for ever.
  const script = `
    import { parseDecimal } from "./src/schema/types/decimal.ts";
    import { doublesOf } from "./src/schema/types/doubles.ts";
    const amounts = ${JSON.stringify(AMOUNTS)};
    console.log(JSON.stringify(amounts.map((texts) => texts.map((t) => doublesOf(parseDecimal(t))))));`;
  const args = ["--input-type=module-typescript", "--eval", script];
  const options = { cwd: REPO_ROOT, encoding: "utf8", timeout: 60_000 } as const;
  const found = JSON.parse(execFileSync(process.execPath, args, options)) as unknown[][];
  expect(found).toHaveLength(AMOUNTS.length);
  for (const [long, short] of found) expect(long).toEqual(short);
});

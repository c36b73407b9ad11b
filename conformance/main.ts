#!/usr/bin/env node
// `npm run conformance -- ADDRESS`: checks whether the server at ADDRESS keeps the laws of the AIPs.
// It creates rows and deletes them again; other rows it only reads.

import { parseArgs } from "node:util";
import { type Outcome, openSuite } from "./suite.ts";

const USAGE = `Usage: npm run conformance -- ADDRESS [--resource NAME] [--parent NAME] [--seed N]

  ADDRESS          host:port of a server with reflection v1, without encryption
  --resource NAME  only this resource, for example Artist
  --parent NAME    the parent of resources that have one, for example projects/test
  --seed N         makes the same random messages as an earlier run
`;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    resource: { type: "string" },
    parent: { type: "string" },
    seed: { type: "string" },
    help: { type: "boolean", short: "h" },
  },
});
const [address] = positionals;
if (values.help || address === undefined || positionals.length !== 1) {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else {
  process.exitCode = await run(address, Number(values.seed ?? Date.now() % 2 ** 31));
}

async function run(target: string, seed: number): Promise<number> {
  const { resource, parent } = values;
  const suite = await openSuite(target, {
    seed,
    ...(resource !== undefined && { resource }),
    ...(parent !== undefined && { parent }),
  });
  const counts: Record<Outcome, number> = { held: 0, failed: 0, "not declared": 0 };
  try {
    for (const { resource, law, run } of suite.cases) {
      const { outcome, reason } = await run();
      counts[outcome] += 1;
      print(`${outcome.padEnd(12)}  ${resource.desc.name}  ${law.name}`, reason);
    }
    for (const [name, learned] of suite.learned()) {
      if (learned.length > 0) print(`note          ${name}`, `random ones: ${learned.join("; ")}`);
    }
  } finally {
    suite.close();
  }
  if (suite.cases.length === 0) print("no resource was found", "");
  const { held, failed } = counts;
  print(
    `${held} held, ${failed} failed, ${counts["not declared"]} not declared (--seed ${seed})`,
    "",
  );
  return failed > 0 || suite.cases.length === 0 ? 1 : 0;
}

function print(line: string, reason: string): void {
  process.stdout.write(reason === "" ? `${line}\n` : `${line}: ${reason}\n`);
}

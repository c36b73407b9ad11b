// The option that sets any limit by its name, and the list of all of them in the help.
// Must not check what a limit means: any count will do.

import { InvalidArgumentError, Option } from "commander";
import { isLimitName, LIMITS, type Limits } from "../limits.ts";

/** The option `--limit`; the environment has all of them in one text, `callsMax=500,batchSizeMax=100`. */
export function limitOption(): Option {
  return new Option("--limit <name=value>", "set a limit; may be repeated; the names are below")
    .env("PROTOSTORE_LIMIT")
    .argParser(parseLimits);
}

/** All limits, each with its default. */
export function limitsHelp(): string {
  const lines = Object.entries(LIMITS).map(
    ([name, { byDefault, description }]) => `  ${name}=${byDefault}\n      ${description}\n`,
  );
  return `\nLimits, with their defaults; Ms are milliseconds:\n${lines.join("")}`;
}

function parseLimits(text: string, previous: Partial<Limits> = {}): Partial<Limits> {
  const pairs = text.split(",").map((pair) => {
    const [, name = "", digits] = /^(\w+)=(\d{1,12})$/.exec(pair) ?? [];
    if (digits === undefined) throw new InvalidArgumentError("It must be like callsMax=500.");
    if (!isLimitName(name)) throw new InvalidArgumentError(`There is no limit ${name}.`);
    return [name, Number(digits)] as const;
  });
  return { ...previous, ...Object.fromEntries(pairs) };
}

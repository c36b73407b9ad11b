// Options that are on or off, with one meaning on the command line and in the environment.
// Knows no option.

import { InvalidArgumentError, Option } from "commander";

const MEANINGS: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["1", true],
  ["yes", true],
  ["on", true],
  ["false", false],
  ["0", false],
  ["no", false],
  ["off", false],
]);

/**
 * The option `--NAME`, which alone means on; its variable is PROTOSTORE_NAME. Commander itself would
 * take any value of the variable, `false` too, for on.
 */
export function switchOption(name: string, description: string, isOn = false): Option {
  return new Option(`--${name} [on|off]`, description)
    .env(`PROTOSTORE_${name.toUpperCase().replaceAll("-", "_")}`)
    .default(isOn, isOn ? "on" : "off")
    .argParser(parseSwitch);
}

/** Nothing, as in `PROTOSTORE_READ_ONLY=`, leaves it as it was. */
function parseSwitch(text: string, previous: boolean): boolean {
  if (text === "") return previous;
  const meaning = MEANINGS.get(text.toLowerCase());
  if (meaning !== undefined) return meaning;
  throw new InvalidArgumentError(`It must be one of ${[...MEANINGS.keys()].join(", ")}.`);
}

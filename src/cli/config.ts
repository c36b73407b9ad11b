// `protostore config print`: shows what `serve` would run with, and where each value comes from.
// Opens nothing.

import { Command, type Option } from "commander";
import { withoutPassword } from "../database/postgres/url.ts";
import { applyConfigFile } from "./config-file.ts";
import type { Program } from "./program.ts";
import { serveOptions } from "./serve-options.ts";

/** The command `config`. */
export function configCommand(program: Program): Command {
  const print = new Command("print").description(
    "show every setting of serve, and where its value comes from",
  );
  for (const option of serveOptions(program)) print.addOption(option);
  print.action(() => printSettings(print));
  return new Command("config").description("show the settings").addCommand(print);
}

function printSettings(command: Command): void {
  const positions = applyConfigFile(command);
  for (const option of command.options) {
    const key = option.attributeName();
    const value: unknown = command.getOptionValue(key);
    if (value === undefined) continue;
    const text = typeof value === "object" ? JSON.stringify(value, shown) : shown("", value);
    const from = positions.get(key) ?? sourceOf(command, option);
    process.stdout.write(`${option.long?.slice(2)}: ${text}  # ${from}\n`);
  }
}

function shown(_key: string, value: unknown): unknown {
  return typeof value === "string" ? withoutPassword(value) : value;
}

function sourceOf(command: Command, option: Option): string {
  switch (command.getOptionValueSource(option.attributeName())) {
    case "cli":
      return "command line";
    case "env":
      return String(option.envVar);
    default:
      return "default";
  }
}

// An option that is on or off means the same on the command line and in the environment, whatever the
// word; a word that says neither is an error.

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command, Option } from "commander";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { adoptCommand } from "../../src/chinook/adopt/command.ts";
import { CHINOOK } from "../../src/chinook/program.ts";
import { migrateCommand } from "../../src/cli/migrate.ts";
import { schemaCommand } from "../../src/cli/schema.ts";
import { serveCommand } from "../../src/cli/serve.ts";
import { statusCommand } from "../../src/cli/status.ts";
import { verifyCommand } from "../../src/cli/verify.ts";
import { tempDir } from "../support/temp.ts";
import { runProgram } from "./cli.ts";

const MAKERS = [
  serveCommand,
  adoptCommand,
  migrateCommand,
  schemaCommand,
  verifyCommand,
  statusCommand,
];
const MEANINGS = [
  [true, ["true", "1", "yes", "on"]],
  [false, ["false", "0", "no", "off"]],
] as const;

const options = MAKERS.flatMap((make) => allOptions(make(CHINOOK)));
const switches = serveCommand(CHINOOK).options.filter(
  ({ defaultValue }) => typeof defaultValue === "boolean",
);

function allOptions(command: Command): readonly Option[] {
  return [...command.options, ...command.commands.flatMap(allOptions)];
}

/** What `serve` makes of a switch; throws what it refuses. */
function readSwitch(option: Option, ...args: readonly string[]): unknown {
  const command = serveCommand(CHINOOK)
    .exitOverride()
    .configureOutput({ writeErr() {} });
  command.action(() => {});
  return command.parse(args, { from: "user" }).opts()[option.attributeName()];
}

function fromVariable(option: Option, text: string): unknown {
  vi.stubEnv(option.envVar as string, text);
  try {
    return readSwitch(option);
  } finally {
    vi.unstubAllEnvs();
  }
}

/** A word in any mixture of small and large letters. */
const anyCase = (words: readonly string[]) =>
  fc
    .tuple(fc.constantFrom(...words), fc.infiniteStream(fc.boolean()))
    .map(([word, isUpper]) =>
      [...word].map((c) => (isUpper.next().value ? c.toUpperCase() : c)).join(""),
    );

test("no option with a variable is one for which any value means on", () => {
  const bare = options.filter(({ envVar, required, optional }) => envVar && !required && !optional);
  expect(bare.map(({ flags }) => flags)).toEqual([]);
  expect(switches.map((option) => option.name())).toEqual(
    expect.arrayContaining(["read-only", "strict-reads", "fixtures", "insecure"]),
  );
});

describe.each(switches.map((option) => [option.long, option] as const))("%s", (flag, option) => {
  test("means what its word says", () => {
    for (const [meaning, words] of MEANINGS) {
      fc.assert(
        fc.property(anyCase(words), (word) => {
          expect(fromVariable(option, word)).toBe(meaning);
          expect(readSwitch(option, `${flag}=${word}`)).toBe(meaning);
        }),
      );
    }
  });

  test("alone means on, and empty nothing", () => {
    expect(readSwitch(option, flag as string)).toBe(true);
    expect(readSwitch(option)).toBe(option.defaultValue);
    expect(fromVariable(option, "")).toBe(option.defaultValue);
  });

  test("refuses every other word", () => {
    const known = MEANINGS.flatMap(([, words]) => words as readonly string[]);
    const word = fc.string({ minLength: 1 }).filter((text) => {
      return !known.includes(text.toLowerCase()) && !text.includes("\0");
    });
    fc.assert(
      fc.property(word, (text) => {
        expect(() => fromVariable(option, text)).toThrow(/must be one of/);
        expect(() => readSwitch(option, `${flag}=${text}`)).toThrow(/must be one of/);
      }),
    );
  });
});

test("a wrong word in the environment ends in one line, and makes no file", async () => {
  const database = join(tempDir(), "x.db");
  const serve = [process.execPath, "src/main.ts", "serve", "--database", database];
  const ended = await runProgram("env", ["PROTOSTORE_READ_ONLY=perhaps", ...serve]);
  expect(ended).toMatchObject({ code: 1, stdout: "" });
  expect(ended.stderr).toMatch(/^error: option '--read-only .*PROTOSTORE_READ_ONLY.*\n$/);
  expect(existsSync(database)).toBe(false);
});

// `protostore token`: makes, lists and revokes what callers prove with who they are.
// A token is shown once, when it is made; the file has its hash.

import { Command, InvalidArgumentError, Option } from "commander";
import { isRole, ROLES } from "../access/principal.ts";
import { changeTokens, makeToken, readTokens, type StoredToken } from "../access/token-file.ts";
import type { Role } from "../config.ts";
import { StoreError } from "../errors.ts";
import { parseTimeMs } from "./shared-options.ts";

interface CreateOptions {
  readonly tokens: string;
  readonly name: string;
  readonly role: Role;
  readonly expires?: number;
  readonly method?: readonly string[];
  readonly resourceType?: readonly string[];
}

/** The command `token`. */
export function tokenCommand(): Command {
  return new Command("token")
    .description("make, list and revoke the tokens that callers must have")
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(revokeCommand());
}

function createCommand(): Command {
  return new Command("create")
    .description("make a token and print it; it cannot be printed again")
    .addOption(tokensOption())
    .requiredOption("--name <name>", "who uses it, as logs and audits will say")
    .addOption(
      new Option("--role <role>", `what it may do: ${ROLES.join(", ")}`)
        .argParser(parseRole)
        .makeOptionMandatory(),
    )
    .option("--expires <duration>", "when it ends, such as 12h or 90d", parseDuration)
    .option("--method <method...>", "only these, such as library.v1.BookService/GetBook or …/*")
    .option("--resource-type <type...>", "only services of these, such as library.example.com/Book")
    .addHelpText(
      "after",
      "\nExample:\n  $ protostore token create --tokens tokens.json --name reports --role reader",
    )
    .action(({ tokens: path, name, role, expires, method, resourceType }: CreateOptions) => {
      const nowMs = Date.now();
      const { text, stored } = makeToken({
        name,
        role,
        createTime: new Date(nowMs).toISOString(),
        ...(expires !== undefined && { expireTime: new Date(nowMs + expires).toISOString() }),
        ...(method && { methods: method }),
        ...(resourceType && { resourceTypes: resourceType }),
      });
      changeTokens(path, (tokens) => [...tokens, stored]);
      process.stdout.write(`${text}\n`);
    });
}

function listCommand(): Command {
  return new Command("list")
    .description("print what is known of each token")
    .addOption(tokensOption())
    .action(({ tokens: path }: { readonly tokens: string }) => {
      for (const token of readTokens(path)) process.stdout.write(`${describe(token)}\n`);
    });
}

function revokeCommand(): Command {
  return new Command("revoke")
    .description("make a token good for nothing; servers notice within two seconds")
    .argument("<id>", "what `protostore token list` begins its line with")
    .addOption(tokensOption())
    .action((id: string, { tokens: path }: { readonly tokens: string }) => {
      changeTokens(path, (tokens) => {
        const left = tokens.filter((token) => token.id !== id);
        if (left.length < tokens.length) return left;
        throw new StoreError("INVALID_CONFIG", `there is no token ${id} in ${path}`);
      });
    });
}

function tokensOption(): Option {
  return new Option("--tokens <file>", "the file that they are kept in")
    .env("PROTOSTORE_TOKENS")
    .makeOptionMandatory();
}

function parseRole(text: string): Role {
  if (isRole(text)) return text;
  throw new InvalidArgumentError(`It must be one of ${ROLES.join(", ")}.`);
}

function parseDuration(text: string): number {
  const timeMs = parseTimeMs(text, "mhd");
  if (timeMs !== undefined) return timeMs;
  throw new InvalidArgumentError("It must be like 30m, 12h or 90d.");
}

function describe({ id, name, role, expireTime, methods, resourceTypes }: StoredToken): string {
  const isOver = expireTime !== undefined && Date.parse(expireTime) <= Date.now();
  const until = expireTime === undefined ? "does not expire" : `until ${expireTime}`;
  const parts = [id, role, isOver ? `expired ${expireTime}` : until, name];
  if (methods) parts.push(`methods ${methods.join(" ")}`);
  if (resourceTypes) parts.push(`types ${resourceTypes.join(" ")}`);
  return parts.join("  ");
}

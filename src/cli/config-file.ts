// The file that the settings of `serve` may stand in: YAML, each under the name of its option.
// What the command line or the environment says goes before it.

import { readFileSync } from "node:fs";
import { type Command, InvalidArgumentError, type Option } from "commander";
import { isMap, isPair, isScalar, LineCounter, type Pair, parseDocument } from "yaml";
import { StoreError } from "../errors.ts";

/** Where a setting stands: `store.yaml:3:1`. */
type Position = string;

/** A setting of a file. */
interface Setting {
  readonly name: string;
  /** As the command line would have it. */
  readonly text: string;
  readonly position: Position;
}

/**
 * Gives each option of the command that neither the command line nor the environment has set what the
 * file says, and tells where that stands, by the option's attribute.
 * @throws StoreError INVALID_CONFIG with the position of what is wrong.
 */
export function applyConfigFile(command: Command): ReadonlyMap<string, Position> {
  const positions = new Map<string, Position>();
  const path: unknown = command.opts().config;
  if (typeof path !== "string") return positions;
  for (const setting of readSettings(path)) {
    const option = command.options.find(({ long }) => long === `--${setting.name}`);
    if (!option || option.long === "--config") {
      throw wrong(setting.position, `there is no setting ${setting.name}`);
    }
    const key = option.attributeName();
    const source = command.getOptionValueSource(key);
    // A file that is wrong is wrong, whether or not it is overruled.
    const value = parseSetting(option, setting);
    if (source !== undefined && source !== "default") continue;
    command.setOptionValueWithSource(key, value, "config");
    positions.set(key, setting.position);
  }
  return positions;
}

function parseSetting(option: Option, { text, name, position }: Setting): unknown {
  try {
    return option.parseArg ? option.parseArg(text, option.defaultValue) : text;
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw wrong(position, `${name}: ${error.message}`);
    throw error;
  }
}

function readSettings(path: string): readonly Setting[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new StoreError("INVALID_CONFIG", `${path} cannot be read`, { cause });
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const positionOf = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const [error] = document.errors;
  if (error) throw wrong(positionOf(error.pos[0]), error.message);
  const { contents } = document;
  if (contents === null) return [];
  if (!isMap(contents)) throw wrong(positionOf(0), "it must have settings, each `name: value`");
  return contents.items.map((pair) => {
    const key = isScalar(pair.key) ? pair.key : undefined;
    const position = positionOf(key?.range?.[0] ?? 0);
    if (!key) throw wrong(position, "a setting must have a name");
    return { name: String(key.value), text: toText(pair, position), position };
  });
}

/** Lists and maps are as the environment has them: `a,b` and `a=1,b=2`. */
function toText({ value }: Pair, position: Position): string {
  if (isScalar(value) && value.value !== null) return String(value.value);
  const items: readonly unknown[] = isMap(value) ? value.items : [];
  const texts = items.flatMap((item) => {
    if (!isPair(item) || !isScalar(item.key) || !isScalar(item.value)) return [];
    return [`${item.key.value}=${item.value.value}`];
  });
  if (texts.length > 0 && texts.length === items.length) return texts.join(",");
  throw wrong(position, "it must have a value, or a map of them");
}

function wrong(position: Position, reason: string): StoreError {
  return new StoreError("INVALID_CONFIG", `${position}: ${reason}`);
}

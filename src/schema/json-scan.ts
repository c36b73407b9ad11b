// Finds what JSON.parse lets pass: duplicate keys, half characters, numbers that no double can hold.
// Knows no fields: it names the keys of the outermost object.

/** Why keys of the outermost object cannot be read. */
export type Doubts = ReadonlyMap<string, string>;

/** An open object, as the keys seen in it so far, or an open array. */
type Open = Set<string> | undefined;

const IS_PART_OF_NUMBER = /[-+.\deE]/;

/** SQLite nests JSON 1000 deep at most. */
const JSON_DEPTH_MAX = 1000;

/**
 * What is doubtful in the values of the outermost object; under "" what is so before it has a key.
 * `text` must be JSON.
 */
export function scanJson(text: string): Doubts {
  const doubts = new Map<string, string>();
  const isWellFormed = text.isWellFormed();
  const open: Open[] = [];
  let isKey = false;
  let outermost = "";

  const doubt = (reason: string) => {
    if (!doubts.has(outermost)) doubts.set(outermost, reason);
  };
  function enter(scope: Open): void {
    open.push(scope);
    if (open.length > JSON_DEPTH_MAX) doubt(`is nested more than ${JSON_DEPTH_MAX} deep`);
    isKey = scope !== undefined;
  }
  function readString(start: number): number {
    const end = endOfString(text, start);
    const raw = text.slice(start + 1, end);
    const value = raw.includes("\\") ? (JSON.parse(`"${raw}"`) as string) : raw;
    const keys = open.at(-1);
    if (isKey && open.length === 1) outermost = value;
    if (isKey && keys?.has(value)) doubt("has a key twice");
    if (isKey) keys?.add(value);
    const mayBeHalf = !isWellFormed || value !== raw;
    if (mayBeHalf && !value.isWellFormed()) doubt("must be well-formed Unicode");
    isKey = false;
    return end;
  }
  function readNumber(start: number): number {
    let end = start + 1;
    while (end < text.length && IS_PART_OF_NUMBER.test(text.charAt(end))) end++;
    if (!Number.isFinite(Number(text.slice(start, end)))) doubt("must be a finite number");
    return end - 1;
  }

  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === '"') at = readString(at);
    else if (character === "{") enter(new Set());
    else if (character === "[") enter(undefined);
    else if (character === "}" || character === "]") open.pop();
    else if (character === ",") isKey = open.at(-1) !== undefined;
    else if (character === "-" || (character >= "0" && character <= "9")) at = readNumber(at);
  }
  return doubts;
}

/** Where the string that begins at `start` ends. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end;
}

/** True if an odd number of backslashes stands before this place. */
function isEscaped(text: string, place: number): boolean {
  let backslashes = 0;
  while (text.charAt(place - 1 - backslashes) === "\\") backslashes++;
  return backslashes % 2 === 1;
}

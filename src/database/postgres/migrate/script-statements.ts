// Cuts the text of a script into its statements, as PostgreSQL reads it. Whether a statement is right is the
// server's to say: what is cut in a wrong place is refused by it.

/** A statement without the semicolon after it; `index` is its offset in the script. */
export interface ScriptStatement {
  readonly text: string;
  readonly index: number;
}

/** What may hide a semicolon, a word, or what tells where a statement ends. */
const TOKEN =
  /[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'[^']*'|"[^"]*"|\$(?:([A-Za-z_\x80-\uffff][\w\x80-\uffff]*))?\$[\s\S]*?\$\1\$|--[^\n\r]*|\/\*|[A-Za-z_\x80-\uffff][\w$\x80-\uffff]*|[();]/g;

/** Such a statement may have a body of statements, BEGIN ATOMIC … END. */
const MAKES_ROUTINE = /^CREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE)$/;

/** The statements of `sql` in order; empty ones are left out. */
export function splitStatements(sql: string): readonly ScriptStatement[] {
  const found: ScriptStatement[] = [];
  let start = 0;
  let parentheses = 0;
  let blocks = 0;
  let words: string[] = [];
  let isRoutine = false;

  function end(offset: number): void {
    const text = sql.slice(start, offset);
    const index = start + text.length - text.trimStart().length;
    if (text.trim() !== "") found.push({ text: text.trim(), index });
    start = offset + 1;
    parentheses = 0;
    blocks = 0;
    words = [];
    isRoutine = false;
  }

  function readWord(word: string): void {
    if (words.length < 4 && !isRoutine) {
      words.push(word);
      isRoutine = MAKES_ROUTINE.test(words.join(" "));
    }
    if (!isRoutine) return;
    if (word === "BEGIN" || (word === "CASE" && blocks > 0)) blocks += 1;
    if (word === "END" && blocks > 0) blocks -= 1;
  }

  for (const { text, index } of tokensOf(sql)) {
    if (text.startsWith("--") || text.startsWith("/*")) {
      // A statement begins after the comments before it.
      if (sql.slice(start, index).trim() === "") start = index + text.length;
    } else if (text === "(") parentheses += 1;
    else if (text === ")") parentheses -= 1;
    else if (text !== ";") readWord(text.toUpperCase());
    else if (parentheses <= 0 && blocks === 0) end(index);
  }
  end(sql.length);
  return found;
}

function* tokensOf(sql: string): Generator<ScriptStatement> {
  const token = new RegExp(TOKEN);
  for (let match = token.exec(sql); match; match = token.exec(sql)) {
    const { index } = match;
    if (match[0] === "/*") token.lastIndex = endOfComment(sql, index);
    yield { text: sql.slice(index, token.lastIndex), index };
  }
}

/** Comments may be in comments. */
function endOfComment(sql: string, offset: number): number {
  const mark = /\/\*|\*\//g;
  mark.lastIndex = offset;
  let depth = 0;
  for (let match = mark.exec(sql); match; match = mark.exec(sql)) {
    depth += match[0] === "/*" ? 1 : -1;
    if (depth === 0) return mark.lastIndex;
  }
  return sql.length;
}

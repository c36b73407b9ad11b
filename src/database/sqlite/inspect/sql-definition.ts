// Takes the text of a CREATE statement apart, as far as no pragma tells what is in it: the expressions
// of generated columns and of index keys. Text that it cannot read is passed over, never guessed at.

/** A word, a number, a string, a quoted name or a sign, and whether space stands before it. */
interface Token {
  readonly text: string;
  readonly spaced: boolean;
}

/** One column of a CREATE TABLE. */
export interface ColumnDefinition {
  readonly name: string;
  /** What stands after the name. */
  readonly tokens: readonly Token[];
}

const TOKEN =
  /(?<space>(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?(?:\*\/|$))*)(?<text>'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|[\p{L}\p{N}_$.]+|\|\||<>|<=|>=|!=|==|->>|->|[^\s])/uy;

function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  const pattern = new RegExp(TOKEN);
  for (let match = pattern.exec(sql); match; match = pattern.exec(sql)) {
    const { space = "", text = "" } = match.groups ?? {};
    tokens.push({ text, spaced: space !== "" });
  }
  return tokens;
}

/** The columns and constraints of a CREATE TABLE; none if it is a virtual table or a view. */
export function columnDefinitions(sql: string): readonly ColumnDefinition[] {
  const tokens = tokenize(sql);
  if (!/^(?:table|temp|temporary)$/i.test(tokens[1]?.text ?? "")) return [];
  return splitList(tokens).flatMap(([first, ...rest]) =>
    first ? [{ name: unquote(first.text), tokens: rest }] : [],
  );
}

/**
 * The expression of a generated column, with one space wherever there was any; undefined if the column
 * has a collation, with which its values compare otherwise than those of the expression.
 */
export function generatedExpressionOf(definition: readonly Token[]): string | undefined {
  let depth = 0;
  if (definition.some(({ text }) => /^collate$/i.test(text))) return undefined;
  for (const [at, { text }] of definition.entries()) {
    if (depth === 0 && /^as$/i.test(text) && definition[at + 1]?.text === "(") {
      return textOf(insideParentheses(definition.slice(at + 1)));
    }
    depth += depthOf(text);
  }
  return undefined;
}

/** The collation that a column declares, in capitals. */
export function collationOf(definition: readonly Token[]): string | undefined {
  let depth = 0;
  for (const [at, { text }] of definition.entries()) {
    const name = definition[at + 1]?.text;
    if (depth === 0 && name && /^collate$/i.test(text)) return unquote(name).toUpperCase();
    depth += depthOf(text);
  }
  return undefined;
}

/** The keys of a CREATE INDEX, as they are written but for ASC and DESC. */
export function indexKeysOf(sql: string): readonly string[] {
  const tokens = tokenize(sql);
  const on = tokens.findIndex(({ text }) => /^on$/i.test(text));
  return splitList(tokens.slice(on)).map((key) => textOf(withoutOrder(key)));
}

function withoutOrder(key: readonly Token[]): readonly Token[] {
  return /^(?:asc|desc)$/i.test(key.at(-1)?.text ?? "") ? key.slice(0, -1) : key;
}

/**
 * The text of a statement without what says nothing: space, comments, and quotes around plain names,
 * which SQLite itself adds when a table is renamed.
 */
export function foldSql(sql: string): string {
  // A comment is read as what stands before a token: the last one needs a token too.
  return (
    tokenize(`${sql}\n;`)
      .map(({ text }) => (/^["`[][A-Za-z_]\w*["`\]]$/.test(text) ? unquote(text) : text))
      .join(" ")
      // A name in quotes is a token apart from the dot before it.
      .replaceAll(/ ?\. ?/g, ".")
      .replace(/(?: ;)+$/, "")
  );
}

/** The items of the first list in parentheses. */
function splitList(tokens: readonly Token[]): Token[][] {
  const start = tokens.findIndex(({ text }) => text === "(");
  if (start === -1) return [];
  const items: Token[][] = [[]];
  let depth = 0;
  for (const token of insideParentheses(tokens.slice(start))) {
    if (depth === 0 && token.text === ",") items.push([]);
    else items.at(-1)?.push(token);
    depth += depthOf(token.text);
  }
  return items;
}

/** What is between the parenthesis that is the first token and the one that closes it. */
function insideParentheses(tokens: readonly Token[]): readonly Token[] {
  let depth = 0;
  const end = tokens.findIndex(({ text }) => {
    depth += depthOf(text);
    return depth === 0;
  });
  return tokens.slice(1, end === -1 ? tokens.length : end);
}

function depthOf(text: string): number {
  return text === "(" ? 1 : text === ")" ? -1 : 0;
}

function textOf(tokens: readonly Token[]): string {
  return tokens.map(({ text, spaced }, at) => (spaced && at > 0 ? ` ${text}` : text)).join("");
}

function unquote(name: string): string {
  const quote = name[0];
  if (quote === "[") return name.slice(1, -1);
  if (quote !== '"' && quote !== "`" && quote !== "'") return name;
  return name.slice(1, -1).replaceAll(quote + quote, quote);
}

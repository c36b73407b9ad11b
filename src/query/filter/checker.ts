// The text of a filter (AIP-160) → what it asks of a resource: each path resolved, each value of its
// type. The grammar and the meaning are in docs/filtering.md.
// Knows descriptors and which table has which field, but no SQL.

import { ScalarType } from "@bufbuild/protobuf";
import type { ResourcePlan, TablePlan } from "../../schema/plan.ts";
import { HIDDEN } from "../../schema/redaction.ts";
import { BadLiteral, type Leaf, type Value } from "../../schema/types/leaf.ts";
import type { FilterNode, Literal, Operator, RestrictionNode } from "./ast.ts";
import { excerpt, filterError, type Offset } from "./filter-error.ts";
import { describeLeaf, hasPresence, isOrdered, type Shape } from "./kinds.ts";
import { defaultOf, readLiteral } from "./literals.ts";
import { parseFilter } from "./parser.ts";
import { EXACT_BYTES, enterList, followPath, type Place, readMapKey, type Step } from "./place.ts";

/** What must be true of what the path leads to. */
export type Test =
  /** The steps lead to something. */
  | { readonly kind: "exists" }
  /** The message, or the field that knows of presence, is set. */
  | { readonly kind: "present" }
  | {
      readonly kind: "compare";
      readonly leaf: Leaf;
      readonly operator: Operator;
      readonly value: Value;
    };

/** What a filter asks of a resource. */
export type Condition =
  | { readonly kind: "and" | "or"; readonly terms: readonly Condition[] }
  | { readonly kind: "not"; readonly term: Condition }
  | { readonly kind: "restriction"; readonly steps: readonly Step[]; readonly test: Test }
  | { readonly kind: "search"; readonly text: string };

/** What a filter asks, and the paths that it restricts, as they were written. */
export interface CheckedFilter {
  /** Absent if the filter is empty: every row meets it. */
  readonly condition?: Condition;
  readonly fields: readonly string[];
}

/**
 * Reads a filter.
 * @throws StoreError INVALID_FIELD, for `filter`, naming place, field and reason.
 */
export function checkFilter(plan: ResourcePlan, text: string): CheckedFilter {
  const { root } = parseFilter(text);
  if (!root) return { fields: [] };
  const fields = new Set<string>();
  const check = (node: FilterNode): Condition => {
    switch (node.kind) {
      case "and":
      case "or":
        return { kind: node.kind, terms: node.terms.map(check) };
      case "not":
        return { kind: "not", term: check(node.term) };
      case "bare":
        return checkBare(plan, text, node.literal);
      case "restriction": {
        const { condition, path } = checkRestriction(plan, text, node);
        fields.add(path);
        return condition;
      }
    }
  };
  return { condition: check(root), fields: [...fields] };
}

/** The columns in which bare words are searched: the strings of a table. */
export function searchColumns(plan: TablePlan): readonly TablePlan["columns"][number][] {
  return plan.columns.filter(
    ({ field, reference }) =>
      field.fieldKind === "scalar" && field.scalar === ScalarType.STRING && !reference,
  );
}

function checkBare(plan: ResourcePlan, text: string, literal: Literal): Condition {
  const { offset } = literal;
  if (literal.pieces.length > 1) throw filterError(text, offset, "* is only for = and !=");
  if (literal.text === "") throw filterError(text, offset, "there is nothing to search for");
  if (searchColumns(plan).length === 0) {
    throw filterError(text, offset, `${plan.desc.name} has no text to search`);
  }
  return { kind: "search", text: literal.text };
}

function checkRestriction(
  plan: ResourcePlan,
  text: string,
  node: RestrictionNode,
): { condition: Condition; path: string } {
  const { place, shown } = followPath(plan, node.path, text);
  const path = node.path.map((segment) => segment.text).join(".");
  const fail: Fail = (offset, reason) => filterError(text, offset, `${excerpt(shown)}: ${reason}`);
  const { steps, test } = checkTest(place, node, fail);
  return { condition: { kind: "restriction", steps, test }, path };
}

type Fail = (offset: Offset, reason: string) => Error;
type Checked = { readonly steps: readonly Step[]; readonly test: Test };

const EXISTS: Test = { kind: "exists" };

function checkTest(place: Place, node: RestrictionNode, fail: Fail): Checked {
  const { operator, operatorOffset, literal } = node;
  const { shape, steps } = place;
  const shown = place.isHidden ? HIDDEN : excerpt(literal.text);
  if (operator === ":" && !literal.quoted && literal.text === "*") return checkPresence(place);
  if (operator !== ":" && (place.repeated || shape.shape === "list")) {
    throw fail(operatorOffset, `is in a list; use : in place of ${operator}`);
  }
  if (operator === ":") {
    switch (shape.shape) {
      case "list":
        return checkTest(enterList(place, shape.item), node, fail);
      case "map": {
        const key = literal.pieces.length > 1 ? undefined : readMapKey(shape.key, literal.text);
        if (key === undefined) throw fail(literal.offset, `${shown} is no key`);
        return { steps: [...steps, { kind: "key", key }], test: EXISTS };
      }
      case "struct": {
        if (literal.pieces.length > 1 || literal.text === EXACT_BYTES) {
          throw fail(literal.offset, `${shown} cannot be asked for`);
        }
        return { steps: [...steps, { kind: "member", name: literal.text }], test: EXISTS };
      }
    }
  }
  const leaf = shape.shape === "leaf" || shape.shape === "message" ? shape.leaf : undefined;
  if (!leaf) throw fail(operatorOffset, `${WITHOUT_VALUE[shape.shape]}, or test presence with :*`);
  return { steps, test: checkComparison(leaf, node, shown, fail) };
}

const WITHOUT_VALUE: Readonly<Record<Shape["shape"], string>> = {
  leaf: "",
  list: "is a list; test what it has with :",
  message: "is a message; name one of its fields",
  map: "is a map; name one of its keys",
  struct: "is a Struct; name one of its members",
  opaque: "is not looked into; compare another field",
};

function checkPresence(place: Place): Checked {
  const { shape, steps, field } = place;
  const last = steps.at(-1);
  if (shape.shape === "list" || shape.shape === "map") {
    return { steps: [...steps, { kind: "item" }], test: EXISTS };
  }
  if (last?.kind !== "field") return { steps, test: EXISTS };
  const isImplicit = shape.shape === "leaf" && field && !hasPresence(field);
  if (!isImplicit) return { steps, test: { kind: "present" } };
  const { leaf } = shape;
  // A row has a name and an etag always; a reference that is not set has no key.
  if (leaf.kind === "reference" || leaf.kind === "etag")
    return { steps, test: { kind: "present" } };
  return { steps, test: { kind: "compare", leaf, operator: "!=", value: defaultOf(leaf) } };
}

function checkComparison(
  leaf: Leaf,
  { operator, operatorOffset, literal }: RestrictionNode,
  shown: string,
  fail: Fail,
): Test {
  const isEquality = operator === "=" || operator === "!=" || operator === ":";
  if (!isEquality && !isOrdered(leaf)) {
    throw fail(operatorOffset, `is ${describeLeaf(leaf)}, which has no ${operator}, only = and !=`);
  }
  if (literal.pieces.length > 1 && operator !== "=" && operator !== "!=") {
    throw fail(literal.offset, '* is only for = and != with strings; write a plain one as "\\*"');
  }
  try {
    const value = readLiteral(leaf, literal);
    const isScale = value.kind !== "json" || /^(?:number|string)$/.test(typeof value.value);
    if (isEquality || isScale) return { kind: "compare", leaf, operator, value };
  } catch (error) {
    if (!(error instanceof BadLiteral)) throw error;
    throw fail(literal.offset, `${shown}: ${error.message}`);
  }
  throw fail(operatorOffset, `${shown} is not less or more than another value`);
}

// What a mask selects of a message: the steps of its paths, as a tree.
// Knows no messages, only descriptors; a path to a part outweighs the paths that go on below it.

import type { DescField, DescMessage } from "@bufbuild/protobuf";

/** The key of an entry of a map, or of a member of a google.protobuf.Struct. */
export type MapKey = string | number | bigint | boolean;

/** One step of a path: to a field, to an entry by its key, or to each entry or element there is. */
export type Step =
  | { readonly kind: "field"; readonly field: DescField }
  | { readonly kind: "entry"; readonly key: MapKey }
  | { readonly kind: "each" };

interface Node {
  whole: boolean;
  readonly fields: Map<DescField, Node>;
  readonly entries: Map<MapKey, Node>;
  each: Node | undefined;
}

function createNode(): Node {
  return { whole: false, fields: new Map(), entries: new Map(), each: undefined };
}

function grow<K>(nodes: Map<K, Node>, key: K): Node {
  const node = nodes.get(key) ?? createNode();
  nodes.set(key, node);
  return node;
}

/** A part of a message, and what of it is selected. */
export class Selection {
  /** All of it. */
  static readonly WHOLE = new Selection([{ ...createNode(), whole: true }]);

  /**
   * More than one if an entry is selected by its key and by a wildcard. They are put together only
   * as far as there is data: in advance, all the ways in which 40 paths can meet are 2^40.
   */
  readonly #nodes: readonly Node[];

  private constructor(nodes: readonly Node[]) {
    this.#nodes = nodes;
  }

  /** The selection that the paths make together. */
  static of(paths: readonly (readonly Step[])[]): Selection {
    const root = createNode();
    for (const steps of paths) {
      let node = root;
      for (const step of steps) {
        if (step.kind === "field") node = grow(node.fields, step.field);
        else if (step.kind === "entry") node = grow(node.entries, step.key);
        else {
          node.each ??= createNode();
          node = node.each;
        }
      }
      node.whole = true;
    }
    return new Selection([root]);
  }

  /** True if all of it is selected. */
  get isWhole(): boolean {
    return this.#nodes.some(({ whole }) => whole);
  }

  /** The fields of a message of which something is selected. */
  fields(desc: DescMessage): readonly (readonly [DescField, Selection])[] {
    if (this.isWhole) return desc.fields.map((field) => [field, Selection.WHOLE]);
    const fields = new Set(this.#nodes.flatMap((node) => [...node.fields.keys()]));
    return [...fields].map((field) => [
      field,
      new Selection(this.#nodes.flatMap((node) => node.fields.get(field) ?? [])),
    ]);
  }

  /** True if the entry is selected by its key, so that it may be one that is not there yet. */
  names(key: MapKey): boolean {
    return this.#nodes.some(({ entries }) => entries.has(key));
  }

  /** What is selected of an entry that is there. */
  entry(key: MapKey): Selection | undefined {
    if (this.isWhole) return Selection.WHOLE;
    const nodes = this.#nodes.flatMap(({ entries, each }) => [
      ...(entries.get(key) ? [entries.get(key) as Node] : []),
      ...(each ? [each] : []),
    ]);
    return nodes.length === 0 ? undefined : new Selection(nodes);
  }

  /** What is selected of each element of a list. */
  get each(): Selection {
    if (this.isWhole) return Selection.WHOLE;
    return new Selection(this.#nodes.flatMap(({ each }) => each ?? []));
  }
}

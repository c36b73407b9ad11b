// What the clients have sent and what they were answered: the truth that a database is held against.
// An item is one artist, or several that are only ever written together, in one batch.

import { createHash } from "node:crypto";

export type WriteKind = "create" | "update" | "delete";

/** A call that was sent. */
export interface Write {
  readonly kind: WriteKind;
  /** The revision of its commit, if that is known. */
  revision?: bigint;
  /** When it was acknowledged, on the scale of the cuts; absent if it never was. */
  acknowledgedAt?: number;
}

/** Artists that are written together, by one writer at a time. */
export interface Item {
  readonly id: string;
  readonly size: number;
  /** In the order in which they were sent, each after the answer to the one before. */
  readonly writes: Write[];
  /** The resource names of its members, once they are known. */
  names: readonly string[];
}

/** All calls of all clients to one database. */
export interface History {
  /** By their ids. */
  readonly items: Map<string, Item>;
  /** The display name of the one artist that a resource name stands for, for good. */
  readonly owners: Map<string, string>;
  /** The revisions that were answered: each is of one commit. */
  readonly revisions: Set<bigint>;
  /** Answers that contradict others. */
  readonly conflicts: string[];
}

export function createHistory(): History {
  return { items: new Map(), owners: new Map(), revisions: new Set(), conflicts: [] };
}

/** Notes that a call is about to be sent. */
export function noteSent(history: History, id: string, size: number, kind: WriteKind): Item {
  const item = history.items.get(id) ?? { id, size, writes: [], names: [] };
  history.items.set(id, item);
  item.writes.push({ kind });
  return item;
}

/** Notes that the last call of an item was answered with OK; `names` are those in the answer. */
export function noteAcknowledged(
  history: History,
  item: Item,
  revision: bigint,
  names: readonly string[],
  at = 0,
): void {
  const write = item.writes.at(-1);
  if (write) Object.assign(write, { revision, acknowledgedAt: at });
  if (history.revisions.has(revision)) {
    history.conflicts.push(`${item.id} was answered with revision ${revision}, as another was`);
  }
  history.revisions.add(revision);
  for (const [member, name] of names.entries()) claimName(history, name, memberName(item, member));
  if (names.length > 0) item.names = names;
}

/** Notes whom a resource name stands for; if it stood for another before, that is a conflict. */
export function claimName(history: History, name: string, displayName: string): void {
  const owner = history.owners.get(name) ?? displayName;
  history.owners.set(name, owner);
  if (owner !== displayName) history.conflicts.push(`${name} is ${displayName}, and was ${owner}`);
}

/** The display name of a member, which no other artist has. */
export function memberName(item: Pick<Item, "id">, member: number): string {
  return `${item.id}.${member}`;
}

/** The item and the member that a display name is of; undefined if it is of none. */
export function parseMember(history: History, displayName: string) {
  const [, id = "", member = ""] = /^(\w+)\.(\d+)$/.exec(displayName) ?? [];
  const item = history.items.get(id);
  return item && Number(member) < item.size ? { item, member: Number(member) } : undefined;
}

const PADDING_MAX = 24_000;

/** What the write `number` of an item says about one of its members; of any length up to a few pages. */
export function biographyOf(displayName: string, number: number): string {
  const digest = createHash("sha1").update(`${displayName} ${number}`).digest("hex");
  const length = Number.parseInt(digest.slice(0, 6), 16) % PADDING_MAX;
  return `${number} ${digest.repeat(Math.ceil(length / digest.length)).slice(0, length)}`;
}

/** The number of the write that wrote a biography. */
export function writeNumberOf(biography: string): number {
  return Number.parseInt(biography, 10);
}

/** True if the item's rows are there after its first `count` writes. */
export function isPresentAfter(item: Item, count: number): boolean {
  return count > 0 && item.writes[count - 1]?.kind !== "delete";
}

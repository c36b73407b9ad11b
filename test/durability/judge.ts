// Holds a database against the history of the calls: it must be what the first commits have made,
// up to a revision, each of them whole, with all that was acknowledged among them.

import {
  biographyOf,
  claimName,
  type History,
  type Item,
  isPresentAfter,
  memberName,
  parseMember,
  writeNumberOf,
} from "./history.ts";
import type { DatabaseState, Row } from "./state.ts";

/** What is wrong with a database; nothing, if both are empty. */
export interface Verdict {
  /** Writes that were acknowledged and are not there. */
  readonly lost: readonly string[];
  /** All that no loss of power explains: damage, halves of batches, what was never sent. */
  readonly broken: readonly string[];
}

/** Judges a database by what was acknowledged before `cut`. */
export function judge(
  history: History,
  state: DatabaseState,
  cut = Number.POSITIVE_INFINITY,
): Verdict {
  const broken = [...state.faults];
  // Of a file that cannot be read, nothing is known but that.
  if (broken.length > 0) return { lost: [], broken };
  const rows = new Map<string, Row>();
  for (const row of state.rows) {
    const fault = faultOfRow(history, row);
    if (fault) broken.push(`${row.name} (${row.displayName}): ${fault}`);
    rows.set(row.displayName, row);
  }
  const lost: string[] = [];
  for (const item of history.items.values()) {
    lost.push(...lostOf(item, state.revision, cut));
    const fault = faultOfItem(item, membersOf(item, rows), state.revision);
    if (fault) broken.push(`${item.id}: ${fault}`);
  }
  return { lost, broken: [...broken, ...history.conflicts] };
}

/** The rows of an item's members; undefined for those that are not there. */
function membersOf(item: Item, rows: ReadonlyMap<string, Row>): (Row | undefined)[] {
  return Array.from({ length: item.size }, (_, member) => rows.get(memberName(item, member)));
}

function faultOfRow(history: History, row: Row): string | undefined {
  if (!parseMember(history, row.displayName)) return "nobody has sent it";
  claimName(history, row.name, row.displayName);
  const expected = biographyOf(row.displayName, writeNumberOf(row.biography));
  return row.biography === expected ? undefined : "its content is not what was sent";
}

/** Commits are in the order of their revisions, so that what is lost is what came after the last. */
function lostOf(item: Item, revision: bigint, cut: number): string[] {
  return item.writes.flatMap((write, number) =>
    write.revision !== undefined &&
    write.revision > revision &&
    (write.acknowledgedAt ?? Number.POSITIVE_INFINITY) < cut
      ? [`${item.id}: ${write.kind} ${number}, revision ${write.revision}, is lost`]
      : [],
  );
}

function faultOfItem(
  item: Item,
  members: readonly (Row | undefined)[],
  revision: bigint,
): string | undefined {
  const [first] = members;
  const number = first && writeNumberOf(first.biography);
  const isHalf = members.some(
    (row) => (row && writeNumberOf(row.biography)) !== number || row?.revision !== first?.revision,
  );
  if (isHalf) return `half a batch: ${members.map((row) => row?.biography.slice(0, 8)).join(", ")}`;
  const counts = possibleCounts(item, revision);
  if (number === undefined) {
    return counts.some((count) => !isPresentAfter(item, count)) ? undefined : "it is not there";
  }
  if (!counts.includes(number + 1) || !isPresentAfter(item, number + 1)) {
    return `it is as of write ${number} of ${item.writes.length}, at revision ${revision}`;
  }
  const expected = item.writes[number]?.revision ?? first?.revision;
  return first?.revision === expected ? undefined : `its revision is ${first?.revision}`;
}

/** How many of an item's writes may have been carried out at a revision. */
function possibleCounts({ writes }: Item, revision: bigint): number[] {
  const isDone = (known: bigint | undefined) => known !== undefined && known <= revision;
  const least = writes.findLastIndex((write) => isDone(write.revision)) + 1;
  const tooLate = writes.findIndex(
    (write) => write.revision !== undefined && !isDone(write.revision),
  );
  const most = tooLate === -1 ? writes.length : tooLate;
  return Array.from({ length: Math.max(most - least, 0) + 1 }, (_, index) => least + index);
}

/**
 * Takes what became of calls without an answer into the history: from here on it must stay so.
 * Returns how many were carried out.
 */
export function settle(history: History, items: readonly Item[], state: DatabaseState): number {
  const rows = new Map(state.rows.map((row) => [row.displayName, row]));
  let carriedOut = 0;
  for (const item of items) {
    const members = membersOf(item, rows).filter((row) => row !== undefined);
    const write = item.writes.at(-1);
    const isDone =
      write?.kind === "delete"
        ? members.length === 0
        : members[0]?.biography.startsWith(`${item.writes.length - 1} `);
    if (write && isDone) {
      write.revision = members[0]?.revision ?? state.revision;
      item.names = members.length > 0 ? members.map((row) => row.name) : item.names;
      carriedOut += 1;
    } else {
      item.writes.pop();
      if (item.writes.length === 0) history.items.delete(item.id);
    }
  }
  return carriedOut;
}

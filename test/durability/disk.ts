// A disk that loses power: what was synced is kept, and of what came after any part may be.
// Knows files and folders, not databases.

import { dirname } from "node:path";
import { type Content, createContent } from "./content.ts";
import type { Random } from "./random.ts";
import type { Event, Step } from "./trace.ts";

type WriteStep = Extract<Step, { kind: "write" }>;

/** What a call does to the bytes of a file; `end` is the line at which it ended. */
type Change = (WriteStep | Extract<Step, { kind: "truncate" }>) & { readonly end: number };

interface File {
  /** All that is synced. */
  readonly content: Content;
  /** What is not, in its order. */
  pending: Change[];
}

/** The name of a file appears, or goes. */
interface Naming {
  readonly path: string;
  readonly file: File | undefined;
  readonly end: number;
}

/** A disk that carries out what a trace tells. */
export interface Disk {
  /** Carries out all that has begun before `line`; lines only grow. */
  advance(line: number): void;
  /** The files that may be found if the power fails now. */
  image(random: Random): Map<string, Buffer>;
  /** How many changes are not synced. */
  readonly pendingChanges: number;
}

const SECTOR_SIZES = [512, 4096];
/** The shares of the changes not synced that an image keeps: one of them, at random. */
const SHARES_KEPT = [0, 0.1, 0.5, 0.9, 0.98, 1];
const SHARE_TORN = 0.2;

/** A disk with the files of `base`, all synced, ahead of `events`. */
export function createDisk(base: ReadonlyMap<string, Buffer>, events: readonly Event[]): Disk {
  const synced = new Map<string, File>();
  for (const [path, content] of base) synced.set(path, createFile(content));
  const current = new Map(synced);
  let namings: Naming[] = [];
  // A change may have reached the disk as soon as its call begins; a sync counts when it has ended.
  const steps = events
    .map((event) => ({ ...event, line: event.step.kind === "sync" ? event.end : event.begin }))
    .sort((a, b) => a.line - b.line);
  let next = 0;

  function rename(path: string, file: File | undefined, end: number): void {
    if (file) current.set(path, file);
    else current.delete(path);
    namings.push({ path, file, end });
  }

  function carryOut({ step, begin, end }: Event): void {
    switch (step.kind) {
      case "create":
        if (!current.has(step.path)) rename(step.path, createFile(), end);
        return;
      case "unlink":
        if (current.has(step.path)) rename(step.path, undefined, end);
        return;
      case "write":
      case "truncate":
        current.get(step.path)?.pending.push({ ...step, end });
        return;
      case "sync":
        // It covers what had ended when it began, of one file or of the names in one folder.
        syncFile(current.get(step.path), begin);
        namings = namings.filter((naming) => {
          const isCovered = dirname(naming.path) === step.path && naming.end < begin;
          if (isCovered) applyNaming(synced, naming);
          return !isCovered;
        });
    }
  }

  return {
    advance(line) {
      for (let event = steps[next]; event && event.line < line; event = steps[next]) {
        carryOut(event);
        next += 1;
      }
    },
    image(random) {
      const names = new Map(synced);
      // A folder's journal keeps the order of its names.
      const kept = random.below(namings.length + 1);
      for (const naming of namings.slice(0, kept)) applyNaming(names, naming);
      const share = random.pick(SHARES_KEPT);
      return new Map([...names].map(([path, file]) => [path, tear(file, share, random)]));
    },
    get pendingChanges() {
      return [...current.values()].reduce((sum, { pending }) => sum + pending.length, 0);
    },
  };
}

function createFile(bytes: Uint8Array = Buffer.alloc(0)): File {
  return { content: createContent(bytes), pending: [] };
}

function applyNaming(names: Map<string, File>, { path, file }: Naming): void {
  if (file) names.set(path, file);
  else names.delete(path);
}

function syncFile(file: File | undefined, before: number): void {
  if (!file) return;
  for (const change of file.pending) if (change.end < before) apply(file.content, change);
  file.pending = file.pending.filter(({ end }) => end >= before);
}

/** The file with a part of what is not synced: each change wholly, not at all, or some sectors of it. */
function tear({ content, pending }: File, share: number, random: Random): Buffer {
  const image = createContent(content.bytes());
  const torn = SHARE_TORN * 4 * share * (1 - share);
  for (const change of pending) {
    if (change.kind === "write" && random.chance(torn)) tearWrite(image, change, random);
    else if (random.chance(share)) apply(image, change);
    // The size has come to the disk, the data has not.
    else if (change.kind === "write" && random.chance(share / 2)) {
      image.resize(Math.max(image.size, change.offset + change.data.length));
    }
  }
  return image.bytes();
}

/** Sectors are aligned to the begin of the file, not to that of the write. */
function tearWrite(image: Content, { offset, data }: WriteStep, random: Random): void {
  const size = random.pick(SECTOR_SIZES);
  const last = offset + data.length;
  for (let begin = offset; begin < last; ) {
    const end = Math.min((Math.floor(begin / size) + 1) * size, last);
    if (random.chance(0.5)) image.write(begin, data.subarray(begin - offset, end - offset));
    begin = end;
  }
}

function apply(content: Content, change: Change): void {
  if (change.kind === "truncate") content.resize(change.size);
  else content.write(change.offset, change.data);
}

// The words for what a look at a file has found: how many of each kind, the first ones, what to do.
// Decides nothing.

import type { FindingKind, FindingSummary } from "../database/finding.ts";

const WHAT: Readonly<Record<FindingKind, readonly [what: string, todo: string]>> = {
  damaged: ["damages of the file", "restore a backup"],
  dangling: [
    "references to rows that do not exist",
    "they are served as they are; set the field to a row that exists, or clear it",
  ],
  orphaned: [
    "rows of tables that belong to no resource",
    "no message has them; delete them with SQL, or make the row that they belong to",
  ],
  unreadable: [
    "rows with a value that its field cannot hold",
    "they answer DATA_LOSS; correct the value with SQL, or set the field with an update",
  ],
  checksum: [
    "rows whose bytes are not those that were stored",
    "they answer DATA_LOSS; run: protostore verify --repair",
  ],
  differs: ["rows whose bytes differ from their columns", "write the row again"],
  revision: ["rows with a revision that was never given", "write the row again"],
  index: ["entries of the search index that are wrong", "run: protostore verify --repair"],
};

/** The lines that tell what was found; none if nothing was. */
export function describeFindings({ kinds }: FindingSummary): readonly string[] {
  return [...kinds].flatMap(([kind, { count, first }]) => {
    const [what, todo] = WHAT[kind];
    const more = count - first.length;
    return [
      `${count} ${what}; ${todo}:`,
      ...first.map(({ subject, problem }) => `  ${subject}: ${problem}`),
      ...(more > 0 ? [`  and ${more} more; all of them: protostore verify`] : []),
    ];
  });
}

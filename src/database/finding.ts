// What a look at the file finds that is not as it must be, and how findings are counted.
// Pure: looks at nothing itself.

import type { ResourcePlan } from "../schema/plan.ts";

/**
 * What kind of thing is wrong: pages of the file (`damaged`), a reference to nothing (`dangling`), a
 * row of a table that belongs to no row (`orphaned`), values that their fields cannot hold
 * (`unreadable`), bytes that are not those that were stored (`checksum`), bytes that differ from the
 * columns (`differs`), a revision that was never given (`revision`), or the search index (`index`).
 */
export type FindingKind =
  | "damaged"
  | "dangling"
  | "orphaned"
  | "unreadable"
  | "checksum"
  | "differs"
  | "revision"
  | "index";

/**
 * What was written wrongly is in the database itself, and a copy that has it too is faithful; anything
 * else is damage.
 */
const FAITHFUL: ReadonlySet<FindingKind> = new Set(["dangling", "orphaned", "unreadable", "index"]);

/** True for what a faithful copy has as well. */
export function isFaithful(kind: FindingKind): boolean {
  return FAITHFUL.has(kind);
}

/** Something that is not as it must be; `subject` is a resource name, or a table of the database. */
export interface Finding {
  readonly kind: FindingKind;
  readonly subject: string;
  readonly problem: string;
  /** The row that a `mend` repairs without a loss; absent if nothing does. */
  readonly repair?: { readonly plan: ResourcePlan; readonly key: bigint };
}

/** How far a verification has come. */
export interface VerifyProgress {
  readonly rowsDone: number;
  readonly rowsTotal: number;
  /** What the last step found. */
  readonly findings: readonly Finding[];
}

/** Some rows of a resource, in the order of their keys, that are to be checked. */
export interface RowCheck {
  readonly plan: ResourcePlan;
  /** All resources: a row may refer to any of them. */
  readonly plans: readonly ResourcePlan[];
  /** The key after which they begin; absent for the first ones. */
  readonly after: bigint | undefined;
  readonly limit: number;
}

/** Rows that were checked. */
export interface CheckedRows {
  readonly rows: number;
  readonly findings: readonly Finding[];
  /** The key of the last one; absent if there are no more. */
  readonly last: bigint | undefined;
}

/** How many findings there are of each kind, and the first few of them. */
export interface FindingSummary {
  readonly total: number;
  readonly kinds: ReadonlyMap<FindingKind, { count: number; readonly first: Finding[] }>;
}

/** What is counted without limit and kept with one: `firstMax` findings of each kind. */
export function summarizeFindings(firstMax: number) {
  const kinds = new Map<FindingKind, { count: number; readonly first: Finding[] }>();
  let total = 0;
  return {
    add(findings: readonly Finding[]): void {
      for (const finding of findings) {
        const known = kinds.get(finding.kind) ?? { count: 0, first: [] };
        kinds.set(finding.kind, known);
        known.count += 1;
        total += 1;
        if (known.first.length < firstMax) known.first.push(finding);
      }
    },
    summary: (): FindingSummary => ({ total, kinds }),
  };
}

// Goes through all rows of a database again and again, slowly, and remembers what is not as it must
// be. Reads in small pages, each a transaction of its own, through the reader threads. Mends nothing.

import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type DatabaseStatus_Scrub,
  DatabaseStatus_ScrubSchema,
} from "../../gen/protostore/v1/database_service_pb.ts";
import type { Database } from "../database/database.ts";
import { type FindingSummary, summarizeFindings } from "../database/finding.ts";
import type { Limits } from "../limits.ts";
import type { Log } from "../observe/log.ts";
import type { ResourcePlan } from "../schema/plan.ts";
import { type BackgroundTask, patiently, pause, runInBackground } from "./background.ts";

/** What a scrubber is made of. */
export interface ScrubberConfig {
  readonly database: Pick<Database, "checkRows">;
  readonly plans: readonly ResourcePlan[];
  readonly limits: Pick<Limits, "scrubRowsPerSecond" | "scrubPauseMs">;
  readonly log: Log;
}

/** A scrubber that runs until it is stopped. */
export interface Scrubber extends BackgroundTask {
  status(): DatabaseStatus_Scrub;
}

/** Few: the rows are checked in the thread that answers calls, about 50 µs each. */
const PAGE_ROWS = 16;

const FIRST_MAX = 5;

/** What a pass over all rows has come to. */
interface Pass {
  readonly rows: number;
  readonly found: FindingSummary;
}

/** Starts a scrubber, whose first pass begins after a pause; undefined if it is off. */
export function startScrubber(config: ScrubberConfig): Scrubber | undefined {
  const { database, plans, limits, log } = config;
  if (limits.scrubRowsPerSecond === 0) return undefined;
  const stopping = new AbortController();
  const { signal } = stopping;
  let current: Pass = { rows: 0, found: summarizeFindings(FIRST_MAX).summary() };
  let last: (Pass & { readonly endedMs: number }) | undefined;

  async function runPass(): Promise<void> {
    const found = summarizeFindings(FIRST_MAX);
    current = { rows: 0, found: found.summary() };
    for (const plan of plans) {
      let after: bigint | undefined;
      do {
        const check = { plan, plans, after, limit: PAGE_ROWS };
        const read = () => database.checkRows(check, { signal });
        const { rows, findings, last: lastKey } = await patiently(read, () => false, signal);
        found.add(findings);
        current = { rows: current.rows + rows, found: found.summary() };
        await pause((rows * 1_000) / limits.scrubRowsPerSecond, signal);
        after = lastKey;
      } while (after !== undefined);
    }
    const isNews = current.found.total !== (last?.found.total ?? 0);
    last = { ...current, endedMs: Date.now() };
    if (isNews) log.warn(factsOf(last), "the scrubber has gone through all rows");
  }

  async function run(): Promise<void> {
    for (;;) {
      await pause(limits.scrubPauseMs, signal);
      await runPass();
    }
  }

  return {
    ...runInBackground(run, stopping, log, "the scrubber has ended"),
    status() {
      const found = last && last.found.total > current.found.total ? last.found : current.found;
      return create(DatabaseStatus_ScrubSchema, {
        ...(last && { lastPassTime: timestampFromMs(last.endedMs) }),
        rowCount: BigInt(last?.rows ?? 0),
        checkedRowCount: BigInt(current.rows),
        findingCount: BigInt(found.total),
        resourceNames: [...namesOf(found)],
      });
    },
  };
}

function namesOf({ kinds }: FindingSummary): ReadonlySet<string> {
  const findings = [...kinds.values()].flatMap(({ first }) => first);
  return new Set(findings.map(({ subject }) => subject).slice(0, FIRST_MAX));
}

function factsOf({ rows, found }: Pass): object {
  const kinds = [...found.kinds].map(([kind, { count }]) => [kind, count]);
  return { rows, findings: Object.fromEntries(kinds), first: [...namesOf(found)] };
}

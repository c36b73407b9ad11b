// Standbys that are read from: looks how old what they have may be, and chooses one that is new enough for
// a read, or the primary. Clocks of machines are not compared: a replica with the revision that the
// primary had at some moment is as new as that moment.

import { setTimeout as delay } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { DatabaseStatus_ReplicaSchema } from "../../../gen/protostore/v1/database_service_pb.ts";
import { type ErrorCode, StoreError } from "../../errors.ts";
import type { Limits } from "../../limits.ts";
import type { Log } from "../../observe/log.ts";
import type { CallLimits } from "../database.ts";
import type { Statement } from "../sql/statements.ts";
import { translatePostgresError } from "./errors.ts";
import type { ServerReads } from "./server-reads.ts";
import type { Session } from "./session.ts";
import { addressOf } from "./url.ts";

/** What replicas are read from with. */
export interface ReplicaOptions {
  /** The addresses of the replicas. */
  readonly urls: readonly string[];
  readonly primary: ServerReads;
  readonly limits: Limits;
  readonly log?: Log | undefined;
  readsOf(url: string): ServerReads;
}

/** Where reads go. */
export interface Replicas {
  /**
   * Reads from a replica that has what the call asks for, if there is one that is new enough; from the
   * primary if not, or if the replica cannot answer.
   */
  read<T extends { readonly revision: bigint }>(
    read: (from: ServerReads) => Promise<T>,
    call?: CallLimits,
  ): Promise<T>;
  status(): MessageInitShape<typeof DatabaseStatus_ReplicaSchema>[];
  close(): Promise<void>;
}

/** A revision that the primary had when it was asked, in milliseconds of `performance.now()`. */
interface Sample {
  readonly askedMs: number;
  readonly revision: bigint;
  readonly identity: string;
}

interface Replica {
  readonly address: string;
  readonly reads: ServerReads;
  /** The newest revision that it is known to have. */
  revision: bigint;
  /** What it has is at least as new as the primary was then, in milliseconds of `performance.now()`. */
  asOfMs: number;
  /** Why it is not read from, whatever its age. */
  problem: string | undefined;
  /** The connection over which it was last seen, and when. */
  session: Session | undefined;
  seenMs: number;
  /** True if it was seen over that connection to have what the primary has not. */
  hasStrayed: boolean;
  isUsed: boolean;
}

/** Which server it is, of what is copied with it; and its revision. */
const LOOK: Statement = {
  sql:
    "SELECT (SELECT revision FROM store_state), pg_is_in_recovery(), " +
    "(SELECT system_identifier FROM pg_control_system()) || '/' || " +
    "(SELECT oid FROM pg_database WHERE datname = current_database())",
  parameters: [],
};

/** How often it is looked, in the time that a replica may be behind. */
const LOOKS = 4;

/** What the primary may do better; anything else it would answer too. */
const PASSED_ON: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "DATABASE_UNAVAILABLE",
  "DATABASE_BUSY",
  "SCHEMA_MISMATCH",
]);

/** Replicas that are looked at until they are closed. */
export function createReplicas({ urls, primary, limits, log, readsOf }: ReplicaOptions): Replicas {
  const replicas = urls.map(
    (url): Replica => ({
      address: addressOf(url),
      reads: readsOf(url),
      revision: 0n,
      asOfMs: Number.NEGATIVE_INFINITY,
      problem: "it was not reached yet",
      session: undefined,
      seenMs: 0,
      hasStrayed: false,
      isUsed: false,
    }),
  );
  const closing = new AbortController();
  /** The oldest first. */
  let samples: readonly Sample[] = [];
  let turn = 0;

  const ageOf = ({ asOfMs }: Replica) => performance.now() - asOfMs;

  function whyUnused(replica: Replica): string | undefined {
    if (replica.problem !== undefined) return replica.problem;
    return ageOf(replica) > limits.replicaStalenessMs ? "it is too far behind" : undefined;
  }

  async function samplePrimary(): Promise<void> {
    const askedMs = performance.now();
    const session = await primary.session();
    const [[revision, , identity] = []] = await session.all(LOOK);
    const sample = { askedMs, revision: revision as bigint, identity: String(identity) };
    const last = samples.at(-1);
    // Another primary may not have all that the one before had.
    const isSame = last && last.revision <= sample.revision && last.identity === sample.identity;
    const oldestMs = askedMs - 2 * limits.replicaStalenessMs;
    samples = isSame ? [...samples.filter((each) => each.askedMs >= oldestMs), sample] : [sample];
  }

  async function lookAt(replica: Replica): Promise<void> {
    try {
      const session = await replica.reads.session();
      const [[revision, inRecovery, identity] = []] = await session.all(LOOK);
      take(replica, session, revision as bigint);
      replica.problem = problemOf(inRecovery === 1n, String(identity));
      if (replica.hasStrayed) replica.problem ??= "it has what the primary has not";
    } catch (error) {
      replica.problem = translatePostgresError(error).message;
    }
    tellOfChange(replica);
  }

  function problemOf(isStandby: boolean, identity: string): string | undefined {
    const known = samples.at(-1);
    if (!known) return "the primary was not reached yet";
    if (known.identity !== identity) return "it is of another database";
    return isStandby ? undefined : "it is no standby";
  }

  function take(replica: Replica, session: Session, revision: bigint): void {
    // It may have been made anew.
    if (replica.session !== session) replica.hasStrayed = false;
    else if (replica.revision > (revisionAfter(replica.seenMs) ?? replica.revision)) {
      replica.hasStrayed = true;
    }
    const sample = samples.findLast((each) => each.revision <= revision);
    replica.asOfMs = sample?.askedMs ?? Number.NEGATIVE_INFINITY;
    replica.revision = revision;
    replica.session = session;
    replica.seenMs = performance.now();
  }

  /** What the primary had when it was asked after that; undefined if it was not. */
  function revisionAfter(timeMs: number): bigint | undefined {
    const newest = samples.at(-1);
    return newest && newest.askedMs > timeMs ? newest.revision : undefined;
  }

  function tellOfChange(replica: Replica): void {
    const reason = whyUnused(replica);
    const isUsed = reason === undefined;
    if (isUsed === replica.isUsed) return;
    replica.isUsed = isUsed;
    const { address } = replica;
    if (isUsed) log?.info({ replica: address }, "a replica is read from");
    else log?.warn({ replica: address, reason }, "a replica is not read from: the primary is");
  }

  /** One look after the other, and none waits for that at another server. */
  async function again(look: () => Promise<void>): Promise<void> {
    const { signal } = closing;
    while (!signal.aborted) {
      // A primary that cannot be reached makes all replicas too old.
      await look().catch(() => {});
      await delay(limits.replicaStalenessMs / LOOKS, undefined, { signal, ref: false }).catch(
        () => {},
      );
    }
  }

  function choose(minRevision: bigint): Replica | undefined {
    const fit = replicas.filter(
      (each) => each.revision >= minRevision && whyUnused(each) === undefined,
    );
    turn += 1;
    return fit[turn % fit.length];
  }

  const looking =
    replicas.length === 0 ? [] : [samplePrimary, ...replicas.map((each) => () => lookAt(each))];
  const looked = looking.map(again);

  return {
    async read(read, call) {
      if (replicas.length === 0) return read(primary);
      const { minRevision = 0n } = call ?? {};
      const replica = choose(minRevision);
      if (!replica) return read(primary);
      try {
        const answer = await read(replica.reads);
        if (answer.revision >= minRevision) return answer;
      } catch (error) {
        if (!(error instanceof StoreError) || !PASSED_ON.has(error.code)) throw error;
        if (error.code === "DATABASE_UNAVAILABLE") replica.problem = error.message;
        tellOfChange(replica);
      }
      return read(primary);
    },

    status: () =>
      replicas.map((replica) => ({
        address: replica.address,
        revision: replica.revision,
        used: whyUnused(replica) === undefined,
        unusedReason: whyUnused(replica) ?? "",
        ...(Number.isFinite(replica.asOfMs) && {
          staleness: durationFromMs(Math.round(ageOf(replica))),
        }),
      })),

    async close() {
      closing.abort();
      await Promise.all(replicas.map(({ reads }) => reads.close()));
      await Promise.all(looked);
    },
  };
}

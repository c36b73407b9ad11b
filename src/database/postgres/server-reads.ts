// All that is read from one server: by key on a connection for what is answered at once, and more on a
// few others. Must not know whether it is the primary.

import type { Registry } from "@bufbuild/protobuf";
import { invalidField } from "../../errors.ts";
import type { Limits } from "../../limits.ts";
import type { Log } from "../../observe/log.ts";
import { databaseClosed } from "../commit-queue.ts";
import type { Database, Snapshot } from "../database.ts";
import { isByKey, type JoinedRow, splitPage } from "../sql/read/joined-pages.ts";
import { createListReader } from "../sql/read/lists.ts";
import { assembleBatch, assemblePage } from "../sql/read/pages.ts";
import { createWireReader } from "../sql/read/wires.ts";
import type { Statement } from "../sql/statements.ts";
import { readTableFacts } from "./describe.ts";
import { POSTGRES } from "./dialect/postgres-dialect.ts";
import { createListCosts, type ListCosts } from "./list-costs.ts";
import { createPointReader } from "./point-reader.ts";
import { createReaderPool } from "./reader-pool.ts";
import { selectJoinedPage, selectWires } from "./row-statements.ts";
import { runSteps } from "./run-steps.ts";
import type { Session } from "./session.ts";

/** What reads are made with. */
export interface ReadOptions {
  readonly registry: Registry;
  readonly limits: Limits;
  readonly log?: Log | undefined;
  connect(): Promise<Session>;
}

/** The reads of a server. */
export interface ServerReads extends Pick<Database, "get" | "list" | "page" | "read" | "batch"> {
  readonly costs: ListCosts;
  /** The connection for what is answered at once. */
  session(): Promise<Session>;
  /** The reads that have no answer yet, but those by key. */
  readonly queued: number;
  close(): Promise<void>;
}

/** Reads of the server that `connect` connects to, when something is asked for. */
export function createReads({ registry, limits, log, connect }: ReadOptions): ServerReads {
  const source = { registry, dialect: POSTGRES, readWires: createWireReader(selectWires) };
  const readers = createReaderPool(limits, connect, log);
  let reading: Promise<Session> | undefined;
  let isClosed = false;

  async function session(): Promise<Session> {
    if (isClosed) throw databaseClosed();
    const current = reading;
    const known = await current?.catch(() => undefined);
    // Another call may have connected meanwhile.
    if (reading === current && (!known || known.lost)) reading = connect();
    return reading as Promise<Session>;
  }

  const page: Database["page"] = (request, call) =>
    readers.read((own) => runSteps(own, assemblePage(source, request)), call);
  const costs = createListCosts(session);
  return {
    costs,
    session,
    get: createPointReader(session, readers, registry),
    list: createListReader({
      factsOf: async (plan) => readTableFacts(await session(), plan),
      page,
      async readShort(asked, call) {
        if (!isByKey(asked)) return undefined;
        const { plan, after, pageSize } = asked;
        const joined = selectJoinedPage(plan, after?.[0], limits.shortPageRowBytes, pageSize + 1);
        const { row } = await readers.readOne(joined, call);
        return splitPage(asked, row as JoinedRow);
      },
      async refuseCostly(asked, first) {
        refuseNul(first);
        await costs.refuseScan(asked, first, limits.scanRowsMax);
      },
    }),
    page,
    read: (statements, call) =>
      readers.read<Omit<Snapshot, "revision">>(
        async (own) => ({ rows: await Promise.all(statements.map((each) => own.all(each))) }),
        call,
      ),
    batch: (request, call) =>
      readers.read((own) => runSteps(own, assembleBatch(source, request)), call),
    get queued() {
      return readers.queued;
    },
    async close() {
      isClosed = true;
      await readers.close();
      await (await reading?.catch(() => undefined))?.close();
    },
  };
}

/** No text has the character, nor can be compared with one that does. */
function refuseNul({ parameters }: Statement): void {
  if (!parameters.some((value) => typeof value === "string" && value.includes("\0"))) return;
  throw invalidField("filter", "must not have the character U+0000");
}

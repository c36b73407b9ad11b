// What the tests of the contract share: how a driver is opened, and messages to operations and back.
// Knows no driver.

import type { MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { create, type DescMessage, fromBinary, toBinary } from "@bufbuild/protobuf";
import { expect } from "vitest";
import { CustomerSchema } from "../../gen/chinook/v1/customer_pb.ts";
import { InvoiceSchema } from "../../gen/chinook/v1/invoice_pb.ts";
import { MediaTypeSchema } from "../../gen/chinook/v1/media_type_pb.ts";
import { TrackSchema } from "../../gen/chinook/v1/track_pb.ts";
import { RESOURCES } from "../../src/chinook/resources.ts";
import type {
  CallLimits,
  CreateOperation,
  Database,
  DeleteOperation,
  UpdateOperation,
} from "../../src/database/database.ts";
import type { ListRequest, Page } from "../../src/database/list-request.ts";
import type { Limits } from "../../src/limits.ts";
import { checkList, type ListText } from "../../src/repositories/list.ts";
import { planResources, type ResourcePlan } from "../../src/schema/plan.ts";
import { fieldsOf } from "../support/items.ts";

/** How a store is opened. */
export interface OpenOptions {
  readonly limits?: Partial<Limits>;
  readonly readOnly?: boolean;
}

/** A migrated store without rows. */
export interface Store {
  /** Opens it, perhaps again; it is closed when the store is gone, or before. */
  open(options?: OpenOptions): Database;
}

/** Told what is to be done when the store is needed no more. */
export type WhenOver = (action: () => void | Promise<void>) => void;

/** Makes a store of the resources that are served here; it is gone when the running test is over. */
export type MakeStore = (whenOver?: WhenOver) => Promise<Store>;

export const PLANS = planResources(RESOURCES);

/** The plan of a resource. */
export function planOf(desc: DescMessage): ResourcePlan {
  const plan = PLANS.find((candidate) => candidate.desc === desc);
  if (!plan) throw new Error(`${desc.name} is no resource`);
  return plan;
}

const pathOf = ({ name }: DescMessage) => name.charAt(0).toLowerCase() + name.slice(1);

export function creating<D extends DescMessage>(
  desc: D,
  init: MessageInitShape<D>,
  key?: bigint,
): CreateOperation {
  const message = toBinary(desc, create(desc, init));
  const given = key === undefined ? {} : { key };
  return { kind: "create", plan: planOf(desc), message, path: pathOf(desc), ...given };
}

export function updating<D extends DescMessage>(
  desc: D,
  init: MessageInitShape<D>,
  mask: readonly string[],
  allowMissing = false,
): UpdateOperation {
  const message = toBinary(desc, create(desc, init));
  return { kind: "update", plan: planOf(desc), message, mask, allowMissing, path: pathOf(desc) };
}

export function deleting(
  desc: DescMessage,
  key: bigint,
  options: Partial<DeleteOperation> = {},
): DeleteOperation {
  const plain = { etag: "", allowMissing: false, force: false };
  return { kind: "delete", plan: planOf(desc), key, ...plain, ...options };
}

/** The message with this key. */
export async function getting<D extends DescMessage>(
  database: Database,
  desc: D,
  key: bigint,
  mask?: readonly string[],
): Promise<MessageShape<D> | undefined> {
  const { message } = await database.get(planOf(desc), key, {}, mask);
  return message && fromBinary(desc, message);
}

/** What a List asks for; what is not said is as in a request that does not say it. */
export type Asked = Partial<ListText & Omit<ListRequest, "plan" | "condition" | "order">>;

/** A page and its messages. */
export type Listed<D extends DescMessage> = Page & { readonly messages: MessageShape<D>[] };

export async function listing<D extends DescMessage>(
  database: Database,
  desc: D,
  { filter = "", orderBy = "", ...asked }: Asked = {},
  call?: CallLimits,
): Promise<Listed<D>> {
  const plain = {
    pageSize: 100,
    skip: 0,
    after: undefined,
    includeTotalSize: false,
    item: { field: 1 },
    pageBytes: 1_000_000,
    itemBytesMax: 1_000_000,
  };
  const list = checkList(planOf(desc), { filter, orderBy });
  const page = await database.list({ ...list, ...plain, ...asked }, call);
  const messages = fieldsOf(page.bytes, asked.item?.field ?? 1).map((b) => fromBinary(desc, b));
  return { ...page, messages };
}

/** The messages of all pages, and how many pages there were. */
export async function listingAll<D extends DescMessage>(
  database: Database,
  desc: D,
  asked: Asked,
): Promise<{ readonly messages: MessageShape<D>[]; readonly pages: number }> {
  const messages: MessageShape<D>[] = [];
  let pages = 0;
  for (let after: Asked["after"]; ; pages++) {
    const page = await listing(database, desc, { ...asked, after });
    messages.push(...page.messages);
    expect(page.count).toBe(page.messages.length);
    if (!page.next) return { messages, pages: pages + 1 };
    after = page.next;
  }
}

/** The number in a resource name. */
export function keyOf({ name }: { readonly name: string }): bigint {
  return BigInt(name.split("/").at(-1) ?? "");
}

/** An invoice 1 with that many lines, the first of one track, the second of two, …, and what it needs. */
export function sale(lines: number): readonly CreateOperation[] {
  const unitPrice = { currencyCode: "USD", units: 0n, nanos: 990_000_000 };
  const track = {
    title: "T",
    mediaType: "mediaTypes/1",
    duration: { seconds: 1n, nanos: 0 },
    unitPrice,
  };
  const customer = { givenName: "A", familyName: "B", email: "a@example.com" };
  return [
    creating(MediaTypeSchema, { displayName: "file" }, 1n),
    creating(TrackSchema, track, 1n),
    creating(CustomerSchema, customer, 1n),
    creating(
      InvoiceSchema,
      {
        customer: "customers/1",
        invoiceTime: { seconds: 1_700_000_000n, nanos: 0 },
        lines: Array.from({ length: lines }, (_, index) => ({
          track: "tracks/1",
          unitPrice,
          quantity: index + 1,
        })),
      },
      1n,
    ),
  ];
}

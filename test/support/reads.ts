// Every way to read the resources of one type, by the names in the answers: what a read leaves out
// must be named by all of them alike.

import type { DescMethodUnary, Message } from "@bufbuild/protobuf";
import type { GenService, GenServiceMethods } from "@bufbuild/protobuf/codegenv2";
import type { Client } from "@grpc/grpc-js";
import type { Connection } from "../../src/client/client.ts";
import type { ResourceService } from "../../src/handlers/services.ts";
import type { ResourcePlan } from "../../src/schema/plan.ts";
import { parseName } from "../../src/schema/resource-name.ts";
import { exportPages } from "../service/store-streams.ts";

/** The names that a read has answered with, and those that it left out. */
export interface Found {
  readonly names: readonly string[];
  readonly unreachable: readonly string[];
}

/** How much of each resource a read asks for, and which. */
export interface ReadQuery {
  readonly filter?: string;
  readonly orderBy?: string;
  readonly mask?: readonly string[];
  readonly pageSize?: number;
}

/** The reads of one resource. */
export interface Reads {
  get(name: string, mask?: readonly string[]): Promise<Message>;
  /** Undefined if the service has no BatchGet. */
  readonly batchGet?: (names: readonly string[], mask?: readonly string[]) => Promise<Found>;
  /** All pages. */
  list(query?: ReadQuery): Promise<Found>;
  export(): Promise<Found>;
}

type Call = (request: object) => Promise<Message & Readonly<Record<string, unknown>>>;

/** The reads of the plan's resource. */
export function readsOf(
  connection: Connection,
  client: Client,
  { service }: ResourceService,
  plan: ResourcePlan,
): Reads {
  const methods = connection.service(
    service as unknown as GenService<GenServiceMethods>,
  ) as unknown as Readonly<Record<string, Call>>;
  const find = (test: (name: string, method: DescMethodUnary) => boolean) =>
    service.methods.find((method) => test(method.name, method as DescMethodUnary));
  const call = (method: { readonly localName: string } | undefined) =>
    methods[method?.localName ?? ""] as Call;
  const get = call(find((name) => name === `Get${plan.desc.name}`));
  const listMethod = find(
    (name, { output }) =>
      name.startsWith("List") && output.fields.some(({ message }) => message === plan.desc),
  ) as DescMethodUnary;
  const batchMethod = find((name) => name.startsWith("BatchGet"));
  const itemsIn = ({ output }: { output: DescMethodUnary["output"] }, response: unknown) => {
    const field = output.fields.find(({ message }) => message === plan.desc);
    return (response as Readonly<Record<string, Message[]>>)[field?.localName ?? ""] ?? [];
  };
  const nameOf = (message: Message) => (message as Message & { name: string }).name;
  const maskOf = (mask?: readonly string[]) => (mask ? { readMask: { paths: [...mask] } } : {});

  return {
    get: (name, mask) => get({ name, ...maskOf(mask) }),
    ...(batchMethod && {
      batchGet: async (names: readonly string[], mask?: readonly string[]) => {
        const response = await call(batchMethod)({ names, ...maskOf(mask) });
        const items = itemsIn(batchMethod as DescMethodUnary, response);
        return { names: items.map(nameOf), unreachable: [] };
      },
    }),
    async list({ filter = "", orderBy = "", mask, pageSize = 2 } = {}) {
      const names: string[] = [];
      const unreachable: string[] = [];
      let pageToken = "";
      do {
        const request = { pageSize, pageToken, filter, orderBy, ...maskOf(mask) };
        const page = await call(listMethod)(request);
        names.push(...itemsIn(listMethod, page).map(nameOf));
        unreachable.push(...(page.unreachable as string[]));
        pageToken = page.nextPageToken as string;
      } while (pageToken !== "");
      return { names, unreachable };
    },
    async export() {
      const names: string[] = [];
      const unreachable: string[] = [];
      for (const page of await exportPages(client, { resourceType: plan.resource.type })) {
        for (const { value } of page.resources) names.push(nameIn(value));
        unreachable.push(...page.unreachable);
      }
      return { names, unreachable };
    },
  };
}

/** The first field of each resource is its name. */
function nameIn(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(2, 2 + (bytes[1] ?? 0))).toString();
}

/** The key in a resource's name. */
export function keyIn(plan: ResourcePlan, name: string): bigint {
  return parseName(plan.resource, name, "name");
}

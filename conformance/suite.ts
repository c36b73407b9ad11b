// Every law for every resource of a server, ready to be checked one by one: by the command line
// (main.ts) or by a test runner.

import type { Message } from "@bufbuild/protobuf";
import { type Connection, connect, RpcError } from "../src/client/client.ts";
import { ResourceClient } from "./client.ts";
import { discoverResources, type Resource, referenceOf } from "./discover.ts";
import { type Law, NotDeclared } from "./law.ts";
import { LAWS } from "./laws.ts";
import { MessageMaker } from "./random.ts";
import { randomFrom } from "./seeded.ts";

/** What may be said of a run. */
export interface SuiteOptions {
  /** The same seed makes the same messages. */
  readonly seed: number;
  /** Only the resource whose message or type is named so. */
  readonly resource?: string;
  /** The parent of the resources that have one, if none is found on the server. */
  readonly parent?: string;
}

/** How a check ended. */
export type Outcome = "held" | "failed" | "not declared";

/** How a check ended, and why. */
export interface Result {
  readonly outcome: Outcome;
  readonly reason: string;
}

/** One law for one resource. */
export interface Case {
  readonly resource: Resource;
  readonly law: Law;
  /** Checks the law, then deletes what was created for it; `reason` is empty if it held. */
  run(): Promise<Result>;
}

/** All laws for all resources of a server. */
export interface Suite {
  readonly cases: readonly Case[];
  /** The clients of the resources that were chosen. */
  readonly clients: readonly ResourceClient[];
  /** What random messages leave out because the server refuses it, by resource. */
  learned(): ReadonlyMap<string, readonly string[]>;
  close(): void;
}

const SAMPLES = 50;

/** Discovers what the server at `host:port` serves. */
export async function openSuite(address: string, options: SuiteOptions): Promise<Suite> {
  const resources = await discoverResources(address);
  const connection = connect(address);
  try {
    const clients = await prepareClients(resources, connection, options);
    const { resource: wanted } = options;
    const chosen = clients.filter(
      ({ resource: { desc, type } }) =>
        wanted === undefined || [desc.name, desc.typeName, type].includes(wanted),
    );
    return {
      cases: chosen.flatMap((client) => LAWS.map((law) => createCase(law, client))),
      clients: chosen,
      learned: () =>
        new Map(chosen.map(({ resource, maker }) => [resource.desc.name, maker.learned])),
      close: () => connection.close(),
    };
  } catch (error) {
    connection.close();
    throw error;
  }
}

async function prepareClients(
  resources: readonly Resource[],
  connection: Connection,
  { seed, parent }: SuiteOptions,
): Promise<readonly ResourceClient[]> {
  const clients: ResourceClient[] = [];
  const samples = new Map<string, readonly Message[]>();
  const names = new Map<string, readonly string[]>();
  for (const resource of orderByReference(resources)) {
    const random = randomFrom(seed + clients.length);
    const sources = {
      resource,
      random,
      namesOf: (type: string) => names.get(type) ?? [],
      get samples() {
        return samples.get(resource.type) ?? [];
      },
    };
    const client = new ResourceClient({
      connection,
      resource,
      random,
      maker: new MessageMaker(sources),
      parent: parent ?? parentOf(resource, resources, names),
      others: () => clients,
    });
    clients.push(client);
    if (!resource.methods.List) continue;
    const { items } = await client.list({ pageSize: SAMPLES });
    samples.set(resource.type, items);
    names.set(
      resource.type,
      items.map((item) => client.nameOf(item)),
    );
  }
  return clients;
}

/** Those that others refer to come first, as far as that can be. */
function orderByReference(resources: readonly Resource[]): readonly Resource[] {
  const ordered = new Set<Resource>();
  const seen = new Set<Resource>();
  const visit = (resource: Resource) => {
    if (seen.has(resource)) return;
    seen.add(resource);
    const types = resource.desc.fields.map(referenceOf);
    for (const other of resources) if (types.includes(other.type)) visit(other);
    ordered.add(resource);
  };
  for (const resource of resources) visit(resource);
  return [...ordered];
}

/** The name of an existing resource whose pattern is the beginning of this one's. */
function parentOf(
  { pattern }: Resource,
  resources: readonly Resource[],
  names: ReadonlyMap<string, readonly string[]>,
): string | undefined {
  const parentPattern = pattern.split("/").slice(0, -2).join("/");
  const parent = resources.find((each) => each.pattern === parentPattern);
  return parent && names.get(parent.type)?.[0];
}

function createCase(law: Law, client: ResourceClient): Case {
  const { resource } = client;
  return {
    resource,
    law,
    async run() {
      if (!law.applies(resource)) return { outcome: "not declared", reason: "" };
      const result = await checkLaw(law, client);
      try {
        // Those that refer to others come last in the list, and have to go first.
        for (const other of [...client.others()].reverse()) await other.cleanUp();
      } catch (error) {
        if (result.outcome === "failed") return result;
        return { outcome: "failed", reason: `cleaning up: ${describe(error)}` };
      }
      return result;
    },
  };
}

async function checkLaw(law: Law, client: ResourceClient): Promise<Result> {
  try {
    await client.calibrate();
    await law.check(client.resource, client);
    return { outcome: "held", reason: "" };
  } catch (error) {
    if (error instanceof NotDeclared) return { outcome: "not declared", reason: error.message };
    return { outcome: "failed", reason: describe(error) };
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof RpcError) return `refused with code ${error.code}: ${error.message}`;
  return error.name === "LawBroken" ? error.message : (error.stack ?? error.message);
}

// A whole service over messages that are known by an image alone, in a file with tables of its own.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { CHINOOK_MIGRATIONS } from "../../src/chinook/migrations.ts";
import { openConnection } from "../../src/database/sqlite/connection/connection.ts";
import type { Definition } from "../../src/definition.ts";
import { planResources, type ResourcePlan } from "../../src/schema/plan.ts";
import { registryOf } from "../../src/schema/registry.ts";
import { type ImageResource, resourcesOf } from "./images.ts";
import { makeMigrated } from "./migrated.ts";
import { runService, type TestService, type TestServiceOptions } from "./service.ts";
import { type StandardClient, standardClient } from "./standard-client.ts";

/** What a server of an image has. */
export interface ImageService extends TestService {
  readonly plans: readonly ResourcePlan[];
  readonly definition: Definition;
  /** The standard methods of the first resource. */
  readonly client: StandardClient;
}

/** A new file with the store's own tables and those that `tables` makes. */
export async function makeDatabase(directory: string, tables: string): Promise<string> {
  const path = join(directory, "store.db");
  await makeMigrated(path);
  const connection = openConnection(path, { busyTimeoutMs: 1000 });
  connection.exec(tables);
  connection.close();
  return path;
}

let images = 0;

/** Serves the resources of these names; the caller stops it. */
export async function serveImage(
  directory: string,
  image: Uint8Array,
  names: readonly string[],
  options: TestServiceOptions & { readonly database: string },
): Promise<ImageService> {
  const path = join(directory, `${images++}.binpb`);
  writeFileSync(path, image);
  const url = new URL("./image-resources.ts", import.meta.url);
  url.searchParams.set("image", path);
  for (const name of names) url.searchParams.append("resource", name);
  const resources = resourcesOf(image, names);
  const definition: Definition = {
    resources,
    definitions: url.href,
    migrations: CHINOOK_MIGRATIONS,
  };
  const service = await runService({ ...options, definition });
  const plans = planResources(resources);
  const [{ service: desc }] = resources as [ImageResource];
  return {
    ...service,
    plans,
    definition,
    client: standardClient(service.connection, desc, plans[0] as ResourcePlan),
  };
}

/** Registry and plan of the first resource. */
export function planImage(image: Uint8Array, name: string) {
  const [{ resource }] = resourcesOf(image, [name]) as [ImageResource];
  const [plan] = planResources([{ resource }]) as [ResourcePlan];
  return { plan, registry: registryOf([resource]) };
}

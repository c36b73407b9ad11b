// What is served where Everything is: the list that threads import, as src/resources.ts is for Chinook.
// Must not import what only runs under vitest.

import type { ResourceDefinition } from "../../src/schema/plan.ts";
import { testMessage } from "./protos.ts";

export const RESOURCES: readonly ResourceDefinition[] = [
  { resource: testMessage("everything.v1.Everything") },
];

export const DEFINITIONS = import.meta.url;

// What is served of everything.v1: threads import this module, so it must not need the test runner.

import type { ResourceDefinition } from "../../src/schema/plan.ts";
import { testMessage } from "./protos.ts";

export const EVERYTHING = testMessage("everything.v1.Everything");

export const RESOURCES: readonly ResourceDefinition[] = [{ resource: EVERYTHING }];

/** The same for threads. */
export const EVERYTHING_RESOURCES = { definitions: import.meta.url, resources: RESOURCES };

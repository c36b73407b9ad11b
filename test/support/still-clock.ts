// The resources with a clock that stands still: threads import this module, and it does nothing else.

import { RESOURCES } from "../../src/chinook/resources.ts";
import { defineResources } from "../../src/definition.ts";

/** What the clock says. */
export const STILL = "2001-02-03T04:05:06.789Z";

export const STILL_RESOURCES = defineResources(import.meta.url, RESOURCES, {
  clock: () => Date.parse(STILL),
});

// What is served of an image: threads import this module by a URL whose search part says which file has
// the image, and which messages are resources. Must not need the test runner.

import { readFileSync } from "node:fs";
import { defineResources } from "../../src/definition.ts";
import { resourcesOf } from "./images.ts";

const { searchParams } = new URL(import.meta.url);

export const OF_IMAGE = defineResources(
  import.meta.url,
  resourcesOf(readFileSync(searchParams.get("image") ?? ""), searchParams.getAll("resource")),
);

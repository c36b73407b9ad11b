// Stands in for types/bool.ts until the files that make SQL import from there.
// Must not grow.

export { FALSE_VALUES, TRUE_VALUES } from "./types/bool.ts";

// The types as other servers knew them that have written the database: rows may have JSON that only
// those understand. Is told where to find them; reads no database itself.

import type { DescEnum, DescField, DescMessage, FileRegistry, Registry } from "@bufbuild/protobuf";

/** The sets of types that are stored, the newest first. */
export type FindStoredTypes = () => readonly FileRegistry[];

/** What goes with the registry of each thread: it is everywhere where rows are read. */
const finders = new WeakMap<Registry, FindStoredTypes>();

/** Lets JSON that is read with `registry` be understood with the help of the stored types. */
export function useStoredTypes(registry: Registry, find: FindStoredTypes): void {
  finders.set(registry, find);
}

/** The stored sets of types; none if nobody has told where they are. */
export function storedTypes(registry: Registry): readonly FileRegistry[] {
  return finders.get(registry)?.() ?? [];
}

/** A field by a name that another server had for it in JSON. */
export function findStoredField(
  registry: Registry,
  { typeName }: DescMessage,
  key: string,
): DescField | undefined {
  for (const types of storedTypes(registry)) {
    const fields = types.getMessage(typeName)?.fields ?? [];
    const field = fields.find(({ jsonName, name }) => jsonName === key || name === key);
    if (field) return field;
  }
  return undefined;
}

/** The numbers of the fields that other servers knew in a message. */
export function storedNumbers(registry: Registry, { typeName }: DescMessage): ReadonlySet<number> {
  const fields = storedTypes(registry).flatMap((types) => types.getMessage(typeName)?.fields ?? []);
  return new Set(fields.map(({ number }) => number));
}

/** The number that another server knew by this name. */
export function findStoredValue(
  registry: Registry,
  { typeName }: DescEnum,
  name: string,
): number | undefined {
  for (const types of storedTypes(registry)) {
    const value = types.getEnum(typeName)?.values.find((candidate) => candidate.name === name);
    if (value) return value.number;
  }
  return undefined;
}

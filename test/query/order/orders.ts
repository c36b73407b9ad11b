// Orders of everything.v1.Everything to try: by each of its fields, and by several.

import type { DescField } from "@bufbuild/protobuf";
import { EVERYTHING } from "../../support/everything.ts";

/** The paths of all fields that have an order, nested ones included. */
const PATHS: readonly string[] = EVERYTHING.fields.flatMap((field) => pathsOf(field, "", 0));

function pathsOf(field: DescField, prefix: string, depth: number): string[] {
  const path = `${prefix}${field.name}`;
  if (field.fieldKind === "list" || field.fieldKind === "map") return [];
  if (field.fieldKind === "scalar") return field.scalar === 12 ? [] : [path];
  if (field.fieldKind === "enum") return [path];
  const { message } = field;
  const nested = () => message.fields.flatMap((inner) => pathsOf(inner, `${path}.`, depth + 1));
  switch (message.typeName) {
    case "google.protobuf.Any":
    case "google.protobuf.FieldMask":
    case "google.protobuf.Struct":
    case "google.protobuf.Value":
    case "google.protobuf.ListValue":
    case "google.protobuf.BytesValue":
    case "google.protobuf.Empty":
      return [];
    case "google.type.Date":
    case "google.type.Money":
      return [path, ...nested()];
    default:
      if (message.typeName.startsWith("google.protobuf.")) return [path];
      return depth < 2 ? nested() : [];
  }
}

function makeOrder(random: () => number): string {
  const count = 1 + Math.floor(random() * 3);
  const paths = new Set(
    Array.from({ length: count }, () => PATHS[Math.floor(random() * PATHS.length)] as string),
  );
  const space = random() < 0.3 ? "  " : "";
  return [...paths]
    .map((path) => (random() < 0.5 ? `${space}${path} ${space}desc` : `${space}${path}${space}`))
    .join(",");
}

/** The orders to try: each path alone, in both directions, and some of several. */
export function orders(random: () => number, count: number): string[] {
  const alone = ["", ...PATHS.flatMap((path) => [path, `${path} desc`])];
  return [...alone, ...Array.from({ length: count }, () => makeOrder(random))];
}

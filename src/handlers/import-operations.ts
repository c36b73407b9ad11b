// From the resources of an ImportRequest to the operations of its commit.
// Decides nothing about rows: each operation is checked and carried out as a Create is.

import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import type { Any } from "@bufbuild/protobuf/wkt";
import type { Operation } from "../database/database.ts";
import { invalidField } from "../errors.ts";
import type { ResourceRepository } from "../repositories/resource-repository.ts";
import type { ResourcePlan } from "../schema/plan.ts";
import { parseName } from "../schema/resource-name.ts";

/**
 * Makes the operation that creates the resource in an Any, which is at `path` in the request.
 * @throws StoreError INVALID_FIELD for a type that is not served, and for bytes that are no message.
 */
export type ToImport = (any: Any, path: string) => Operation;

/** How the resources of these repositories are imported. */
export function importOperations(repositories: readonly ResourceRepository[]): ToImport {
  const byType = new Map(repositories.map((each) => [each.plan.desc.typeName, each]));
  return ({ typeUrl, value }, path) => {
    const repository = byType.get(typeUrl.slice(typeUrl.lastIndexOf("/") + 1));
    if (!repository) {
      throw invalidField(path, `must be one of ${[...byType.keys()].join(", ")}`);
    }
    const { plan } = repository;
    const name = readName(plan, value, path);
    return {
      kind: "create",
      plan,
      message: value,
      path,
      item: path,
      ...(name !== "" && { key: parseName(plan.resource, name, `${path}.name`) }),
      keepChildKeys: true,
    };
  };
}

/** The resource name in the bytes of a message, which are not decoded for it. */
function readName({ desc, standard }: ResourcePlan, bytes: Uint8Array, path: string): string {
  try {
    const reader = new BinaryReader(bytes);
    let name = "";
    while (reader.pos < reader.len) {
      const [number, wireType] = reader.tag();
      const isName = number === standard.name.number && wireType === WireType.LengthDelimited;
      // Of a field that is there more than once the last one counts.
      if (isName) name = reader.string();
      else reader.skip(wireType, number);
    }
    return name;
  } catch {
    // What a decoder says of bytes is not repeated: they are the users' data.
    throw invalidField(path, `cannot be decoded as ${desc.typeName}`);
  }
}

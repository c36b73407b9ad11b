// Finds the resources of a server and their standard methods: a resource is a message with
// google.api.resource, a standard method is recognised by its shape (AIP-131 to AIP-135, AIP-231 to
// AIP-235).

import {
  type DescEnum,
  type DescField,
  type DescMessage,
  type DescMethodUnary,
  type DescService,
  getOption,
  hasOption,
  type Registry,
} from "@bufbuild/protobuf";
import { FieldBehavior, field_behavior } from "../gen/google/api/field_behavior_pb.ts";
import { resource, resource_reference } from "../gen/google/api/resource_pb.ts";
import { reflectServer } from "../src/client/reflection.ts";

/** The standard methods. */
export type Verb =
  | "Get"
  | "List"
  | "Create"
  | "Update"
  | "Delete"
  | "BatchGet"
  | "BatchCreate"
  | "BatchUpdate"
  | "BatchDelete";

/** A standard method of a resource. */
export interface StandardMethod {
  readonly method: DescMethodUnary;
  /** The fields of its request, by name. */
  readonly fields: ReadonlyMap<string, DescField>;
  /** The field of the request that holds the resource; Create and Update have it. */
  readonly resource: DescField | undefined;
  /** The repeated field of the response that holds resources; List and batches have it. */
  readonly items: DescField | undefined;
}

/** A resource and what can be done with it. */
export interface Resource {
  readonly desc: DescMessage;
  /** For example `chinook.example.com/Artist`. */
  readonly type: string;
  readonly pattern: string;
  /** The field `name`. */
  readonly name: DescField;
  readonly etag: DescField | undefined;
  readonly service: DescService;
  readonly methods: { readonly [V in Verb]?: StandardMethod };
  /** Every message that the server knows, for the JSON in reports. */
  readonly registry: Registry;
}

type Found = Omit<Resource, "methods"> & { methods: { [V in Verb]?: StandardMethod } };

const VERB = /^(BatchGet|BatchCreate|BatchUpdate|BatchDelete|Get|List|Create|Update|Delete)(.+)$/;

/** The resources of the server at `host:port`, in the order of their types. */
export async function discoverResources(address: string): Promise<readonly Resource[]> {
  const { services, registry } = await reflectServer(address);
  const types = resourceTypes(registry);
  const found = new Map<string, Found>();
  for (const serviceName of services) {
    const service = registry.getService(serviceName);
    for (const method of service?.methods ?? []) {
      if (method.methodKind !== "unary" || !service) continue;
      const standard = recognise(method as DescMethodUnary, types);
      if (!standard) continue;
      const { verb, desc, ...shape } = standard;
      const known = found.get(desc.typeName) ?? describe(desc, service, registry);
      if (!known) continue;
      found.set(desc.typeName, known);
      known.methods[verb] ??= {
        ...shape,
        fields: byName(method.input),
        method: method as DescMethodUnary,
      };
    }
  }
  return [...found.values()].sort((a, b) => (a.type < b.type ? -1 : 1));
}

function describe(desc: DescMessage, service: DescService, registry: Registry): Found | undefined {
  const name = fieldOf(desc, "name");
  const { type, pattern } = getOption(desc, resource);
  if (!name) return undefined;
  const etag = fieldOf(desc, "etag");
  return { desc, type, pattern: pattern[0] ?? "", name, etag, service, methods: {}, registry };
}

interface Recognised {
  readonly verb: Verb;
  readonly desc: DescMessage;
  readonly resource: DescField | undefined;
  readonly items: DescField | undefined;
}

function resourceTypes(registry: Registry): ReadonlyMap<string, DescMessage> {
  const types = new Map<string, DescMessage>();
  for (const desc of registry) {
    if (desc.kind === "message" && hasOption(desc, resource)) {
      types.set(getOption(desc, resource).type, desc);
    }
  }
  return types;
}

function recognise(
  method: DescMethodUnary,
  types: ReadonlyMap<string, DescMessage>,
): Recognised | undefined {
  const [, verb, noun] = VERB.exec(method.name) ?? [];
  if (verb === undefined || noun === undefined) return undefined;
  const { input, output } = method;
  const has = (...names: string[]) => names.every((name) => fieldOf(input, name) !== undefined);
  const repeated = output.fields.find(isListOfResources);
  const single = input.fields.find(
    ({ message, fieldKind }) =>
      fieldKind === "message" && message?.name === noun && hasOption(message, resource),
  );
  switch (verb) {
    case "Get":
      if (!hasOption(output, resource) || output.name !== noun || !has("name")) return undefined;
      return { verb, desc: output, resource: undefined, items: undefined };
    case "List": {
      const desc = repeated?.message;
      // A List of what belongs to something that is no parent of it in the pattern is another method.
      if (!desc || !has("page_size", "page_token") || !isPlural(noun, desc)) return undefined;
      return { verb, desc, resource: undefined, items: repeated };
    }
    case "Create":
    case "Update":
      if (!single?.message) return undefined;
      return { verb, desc: single.message, resource: single, items: undefined };
    case "Delete": {
      const desc = referenced(input, "name", types);
      return desc && { verb, desc, resource: undefined, items: undefined };
    }
    case "BatchGet":
      if (!repeated?.message || !has("names")) return undefined;
      return { verb, desc: repeated.message, resource: undefined, items: repeated };
    default: {
      const item = fieldOf(input, "requests")?.message;
      const inner = item?.fields.find(({ message }) => message && hasOption(message, resource));
      const desc =
        verb === "BatchDelete" ? item && referenced(item, "name", types) : inner?.message;
      if (!desc) return undefined;
      return { verb: verb as Verb, desc, resource: inner, items: repeated };
    }
  }
}

function isListOfResources({ fieldKind, message }: DescField): boolean {
  return fieldKind === "list" && message !== undefined && hasOption(message, resource);
}

function isPlural(noun: string, desc: DescMessage): boolean {
  const { plural } = getOption(desc, resource);
  return plural === "" || plural.toLowerCase() === noun.toLowerCase();
}

/** The resource whose name the field holds. */
function referenced(
  input: DescMessage,
  fieldName: string,
  types: ReadonlyMap<string, DescMessage>,
): DescMessage | undefined {
  const field = fieldOf(input, fieldName);
  return field && types.get(referenceOf(field) ?? "");
}

/** The field of a message by its name as it is in the proto file. */
export function fieldOf(desc: DescMessage, name: string): DescField | undefined {
  return desc.fields.find((field) => field.name === name);
}

function byName(desc: DescMessage): ReadonlyMap<string, DescField> {
  return new Map(desc.fields.map((field) => [field.name, field]));
}

/** The type of the resource whose name a field holds, if it says that it holds one. */
export function referenceOf(field: DescField): string | undefined {
  return hasOption(field, resource_reference)
    ? getOption(field, resource_reference).type
    : undefined;
}

/** True if the field is declared to be so (AIP-203). */
export function behaves(field: DescField, behavior: FieldBehavior): boolean {
  return hasOption(field, field_behavior) && getOption(field, field_behavior).includes(behavior);
}

/** True if a client may set the field: it is neither the name nor the etag nor OUTPUT_ONLY. */
export function isWritable(resource: Resource, field: DescField): boolean {
  return (
    field !== resource.name &&
    field !== resource.etag &&
    !behaves(field, FieldBehavior.OUTPUT_ONLY) &&
    !behaves(field, FieldBehavior.IDENTIFIER)
  );
}

/** The number of the value of an enum whose name is, or ends in, `name`. */
export function valueNamed(desc: DescEnum, name: string): number | undefined {
  return desc.values.find((value) => value.name === name || value.name.endsWith(`_${name}`))
    ?.number;
}

export { FieldBehavior };

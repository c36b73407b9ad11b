// Takes the requests of Create, Update and Delete apart, whether they are alone or in a batch.
// Gives operations; carries out none.

import type { DescMessage, Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import type { FieldMask } from "@bufbuild/protobuf/wkt";
import type { Operation } from "../database/database.ts";
import { invalidField } from "../errors.ts";
import type { ResourceRepository } from "../repositories/resource-repository.ts";
import { parseName } from "../schema/resource-name.ts";
import { boolField, stringField } from "./request-options.ts";

/** The operation that a request asks for; `item` is its path in a batch, empty if it is alone. */
export type ParseWrite = (
  desc: DescMessage,
  request: Message,
  repository: ResourceRepository,
  item: string,
) => Operation;

/** Create (AIP-133). */
export const parseCreate: ParseWrite = (desc, request, repository, item) => {
  const { message, field } = resourceIn(desc, request, repository, item);
  const idField = `${field}_id`;
  const id = stringField(desc, request, idField);
  const { resource } = repository.plan;
  const path = within(item, field);
  if (id === "") return repository.createOperation({ message, path, ...named(item) });
  // Zero and negative ids are in the files of others at most.
  if (!/^[1-9]\d*$/.test(id))
    throw invalidField(within(item, idField), "must be a positive number");
  const key = parseName(resource, `${resource.collection}/${id}`, within(item, idField));
  return repository.createOperation({ message, path, key, ...named(item) });
};

/** Update (AIP-134). */
export const parseUpdate: ParseWrite = (desc, request, repository, item) => {
  const { message, field } = resourceIn(desc, request, repository, item);
  const { plan } = repository;
  const path = within(item, field);
  const source = reflect(plan.desc, message);
  const name = source.get(plan.standard.name) as string;
  const { updateMask } = request as Message & { updateMask?: FieldMask };
  return repository.updateOperation({
    message,
    path,
    key: parseName(plan.resource, name, `${path}.name`),
    mask: updateMask?.paths,
    etag: source.get(plan.standard.etag) as string,
    allowMissing: boolField(desc, request, "allow_missing"),
    ...named(item),
  });
};

/** Delete (AIP-135). */
export const parseDelete: ParseWrite = (desc, request, repository, item) => {
  const name = stringField(desc, request, "name");
  return repository.deleteOperation({
    key: parseName(repository.plan.resource, name, within(item, "name")),
    etag: stringField(desc, request, "etag"),
    allowMissing: boolField(desc, request, "allow_missing"),
    force: boolField(desc, request, "force"),
    ...named(item),
  });
};

function resourceIn(
  desc: DescMessage,
  request: Message,
  { plan }: ResourceRepository,
  item: string,
): { message: Message; field: string } {
  const field = desc.fields.find(({ message }) => message === plan.desc);
  const source = reflect(desc, request);
  if (field?.fieldKind !== "message" || !source.isSet(field)) {
    throw invalidField(within(item, field?.name ?? ""), "is required");
  }
  return { message: source.get(field).message, field: field.name };
}

function within(item: string, field: string): string {
  return item === "" ? field : `${item}.${field}`;
}

function named(item: string): { item?: string } {
  return item === "" ? {} : { item };
}

// The standard methods (AIP-131 to AIP-135) of any service, recognised by their shape and answered
// from descriptors alone.

import {
  create,
  type DescField,
  type DescMessage,
  type DescMethod,
  type Message,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { EmptySchema, type FieldMask } from "@bufbuild/protobuf/wkt";
import type { Limits } from "../config.ts";
import { invalidField } from "../errors.ts";
import type { ResourceRepository } from "../repositories/resource-repository.ts";
import { parseName } from "../schema/resource-name.ts";
import type { CallContext, Response } from "./handler.ts";
import { answerPage, type PagingRequest, pagingMessages } from "./paging.ts";

type UnaryFunction = (request: Message, context: CallContext) => Promise<Response>;

/** The function that answers `method` if it is a standard method of the repository's resource. */
export function implementStandard(
  method: DescMethod,
  repository: ResourceRepository,
  limits: Limits,
): UnaryFunction | undefined {
  if (method.methodKind !== "unary") return undefined;
  const { desc } = repository.plan;
  switch (method.name) {
    case `Get${desc.name}`:
      return implementGet(method, repository);
    case `Create${desc.name}`:
      return implementCreate(method, repository);
    case `Update${desc.name}`:
      return implementUpdate(method, repository);
    case `Delete${desc.name}`:
      return implementDelete(method, repository);
    default:
      return method.name.startsWith("List") ? implementList(method, repository, limits) : undefined;
  }
}

function implementGet(
  method: DescMethod,
  repository: ResourceRepository,
): UnaryFunction | undefined {
  const { plan } = repository;
  const name = stringField(method.input, "name");
  if (!name || method.output !== plan.desc) return undefined;
  return async (request, context) => {
    const key = parseName(
      plan.resource,
      reflect(method.input, request).get(name) as string,
      "name",
    );
    const { bytes, revision } = await repository.get(key, context);
    context.setRevision(revision);
    return bytes;
  };
}

function implementList(
  method: DescMethod,
  repository: ResourceRepository,
  limits: Limits,
): UnaryFunction | undefined {
  const messages = pagingMessages(method.input, method.output, repository.plan.desc);
  // A List with fields of its own, for example a parent, is not answered by all rows.
  if (!messages || method.input.fields.length !== 2) return undefined;
  return async (request, context) => {
    const { bytes, revision } = await answerPage(
      messages,
      request as PagingRequest,
      limits,
      (after, pageSize) => repository.list(after, pageSize, context),
    );
    context.setRevision(revision);
    return bytes;
  };
}

function implementCreate(
  method: DescMethod,
  repository: ResourceRepository,
): UnaryFunction | undefined {
  const field = resourceField(method, repository);
  if (!field || method.output !== repository.plan.desc) return undefined;
  return async (request, context) => {
    const message = requireMessage(method, request, field);
    const { bytes, revision } = await repository.create({ message, path: field.name }, context);
    context.setRevision(revision);
    return bytes;
  };
}

function implementUpdate(
  method: DescMethod,
  repository: ResourceRepository,
): UnaryFunction | undefined {
  const { plan } = repository;
  const field = resourceField(method, repository);
  const maskField = method.input.fields.find(({ name }) => name === "update_mask");
  if (!field || maskField?.message?.typeName !== "google.protobuf.FieldMask") return undefined;
  if (method.output !== plan.desc) return undefined;
  return async (request, context) => {
    const message = requireMessage(method, request, field);
    const { updateMask } = request as Message & { updateMask?: FieldMask };
    const resource = reflect(plan.desc, message);
    const name = resource.get(plan.standard.name) as string;
    const etag = resource.get(plan.standard.etag) as string;
    const key = parseName(plan.resource, name, `${field.name}.name`);
    const input = { message, path: field.name, mask: updateMask?.paths, etag };
    const { bytes, revision } = await repository.update(key, input, context);
    context.setRevision(revision);
    return bytes;
  };
}

function implementDelete(
  method: DescMethod,
  repository: ResourceRepository,
): UnaryFunction | undefined {
  const { plan } = repository;
  const name = stringField(method.input, "name");
  if (!name || method.output.typeName !== EmptySchema.typeName) return undefined;
  return async (request, context) => {
    const key = parseName(
      plan.resource,
      reflect(method.input, request).get(name) as string,
      "name",
    );
    const { revision } = await repository.delete(key, context);
    context.setRevision(revision);
    return create(EmptySchema);
  };
}

function stringField(desc: DescMessage, name: string): DescField | undefined {
  return desc.fields.find((field) => field.name === name && field.fieldKind === "scalar");
}

function resourceField(method: DescMethod, repository: ResourceRepository): DescField | undefined {
  return method.input.fields.find(
    (field) => field.fieldKind === "message" && field.message === repository.plan.desc,
  );
}

function requireMessage(method: DescMethod, request: Message, field: DescField): Message {
  const source = reflect(method.input, request);
  if (field.fieldKind !== "message" || !source.isSet(field)) {
    throw invalidField(field.name, "is required");
  }
  return source.get(field).message;
}

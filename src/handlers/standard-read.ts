// Get, List and BatchGet of any resource.
// Rows' own bytes are the answer; they are decoded only if a mask or a view leaves out a part.

import type { DescField, DescMethod, Message } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { invalidField } from "../errors.ts";
import { parseName } from "../schema/resource-name.ts";
import { answerPage, type PagingMessages, type PagingRequest } from "./paging.ts";
import { readShape } from "./read-shape.ts";
import { stringField } from "./request-options.ts";
import type { StandardTools, UnaryFunction } from "./standard.ts";

/** Get (AIP-131). */
export function getMethod(method: DescMethod, { repository }: StandardTools): UnaryFunction {
  const { plan } = repository;
  return async (request, context) => {
    const shape = readShape(plan, request);
    const key = parseName(plan.resource, stringField(method.input, request, "name"), "name");
    const { messages, revision } = await repository.get([key], context);
    context.setRevision(revision);
    return shape(messages[0] as Uint8Array);
  };
}

/** List (AIP-132, AIP-158, AIP-160). */
export function listMethod(
  method: DescMethod,
  messages: PagingMessages,
  { repository, limits, pageTokens }: StandardTools,
): UnaryFunction {
  return async (request, context) => {
    const shape = readShape(repository.plan, request);
    const query = {
      filter: stringField(method.input, request, "filter"),
      orderBy: stringField(method.input, request, "order_by"),
    };
    const paging = { messages, limits, pageTokens, shape };
    const { bytes, revision } = await answerPage(request as PagingRequest, paging, (page) =>
      repository.list({ ...query, ...page }, context),
    );
    context.setRevision(revision);
    return bytes;
  };
}

/** BatchGet (AIP-231). */
export function batchGetMethod(
  items: DescField,
  { repository, limits }: StandardTools,
): UnaryFunction {
  const { plan } = repository;
  return async (request, context) => {
    const shape = readShape(plan, request);
    const { names } = request as Message & { names: readonly string[] };
    if (names.length === 0) throw invalidField("names", "is required");
    if (names.length > limits.batchSizeMax) {
      throw invalidField("names", `must have at most ${limits.batchSizeMax} names`);
    }
    const keys = names.map((name, i) => parseName(plan.resource, name, `names[${i}]`));
    const { messages, revision } = await repository.get(keys, context);
    context.setRevision(revision);
    return encodeItems(items, messages.map(shape));
  };
}

/** A response whose only field is the list `items`. */
export function encodeItems(items: DescField, messages: readonly Uint8Array[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const message of messages) {
    writer.tag(items.number, WireType.LengthDelimited).bytes(message);
  }
  return writer.finish();
}

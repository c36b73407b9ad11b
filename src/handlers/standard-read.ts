// Get, List and BatchGet of any resource.
// Rows' own bytes are the answer; they are decoded only if a mask or a view leaves out a part.

import type { DescField, DescMethod, Message } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { invalidField } from "../errors.ts";
import { cutBytes, resolveReadMask } from "../query/read-mask.ts";
import { parseName } from "../schema/resource-name.ts";
import { faultError, tooLarge } from "../schema/row-fault.ts";
import { answerPage, type PagingMessages, type PagingRequest } from "./paging.ts";
import { readPaths } from "./read-shape.ts";
import { stringGetter } from "./request-options.ts";
import type { StandardTools, UnaryFunction } from "./standard-tools.ts";

/** Get (AIP-131). */
export function getMethod(
  method: DescMethod,
  { repository, limits, faults }: StandardTools,
): UnaryFunction {
  const { plan } = repository;
  const nameOf = stringGetter(method.input, "name");
  return async (request, context) => {
    const paths = readPaths(plan, request);
    const key = parseName(plan.resource, nameOf(request), "name");
    try {
      const { bytes, revision } = await repository.get(key, context, paths);
      const answer = paths ? cutBytes(plan, bytes, resolveReadMask(plan, paths)) : bytes;
      if (answer.length > limits.sendMessageBytes) {
        throw faultError(tooLarge(plan, key, answer.length, limits.sendMessageBytes));
      }
      context.setRevision(revision);
      return answer;
    } catch (error) {
      faults.failed(error);
      throw error;
    }
  };
}

/** List (AIP-132, AIP-158, AIP-160). */
export function listMethod(
  method: DescMethod,
  messages: PagingMessages,
  { repository, limits, faults, pageTokens }: StandardTools,
): UnaryFunction {
  const { plan } = repository;
  const filterOf = stringGetter(method.input, "filter");
  const orderByOf = stringGetter(method.input, "order_by");
  const item = { field: messages.items.number };
  const paging = { messages, limits, faults, pageTokens };
  return async (request, context) => {
    const mask = readPaths(plan, request);
    const query = { filter: filterOf(request), orderBy: orderByOf(request), item, mask };
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
  { repository, limits, faults }: StandardTools,
): UnaryFunction {
  const { plan } = repository;
  const item = { field: items.number };
  return async (request, context) => {
    const mask = readPaths(plan, request);
    const { names } = request as Message & { names: readonly string[] };
    if (names.length === 0) throw invalidField("names", "is required");
    if (names.length > limits.batchSizeMax) {
      throw invalidField("names", `must have at most ${limits.batchSizeMax} names`);
    }
    const keys = names.map((name, i) => parseName(plan.resource, name, `names[${i}]`));
    try {
      const { bytes, revision } = await repository.getBatch({ keys, item, mask }, context);
      context.setRevision(revision);
      return bytes;
    } catch (error) {
      faults.failed(error);
      throw error;
    }
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

// Create, Update and Delete of any resource, alone and in batches: one commit for each call.
// Must not know which it is: the request is taken apart in write-requests.ts.

import {
  create,
  type DescField,
  type DescMessage,
  type DescMethod,
  type Message,
} from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { invalidField } from "../errors.ts";
import type { CallContext } from "./handler.ts";
import { commitOptions, refuseItemOptions } from "./request-options.ts";
import type { StandardTools, UnaryFunction } from "./standard.ts";
import { encodeItems } from "./standard-read.ts";
import type { ParseWrite } from "./write-requests.ts";

/** A method of one operation; it answers with the resource or, if it stores none, with Empty. */
export function writeMethod(
  method: DescMethod,
  { repository }: StandardTools,
  parse: ParseWrite,
): UnaryFunction {
  return async (request, context: CallContext) => {
    const options = commitOptions(method.input, request, context);
    const operation = parse(method.input, request, repository, "");
    const { messages, revision } = await repository.commit([operation], options);
    context.setRevision(revision);
    return messages[0] ?? create(EmptySchema);
  };
}

/** The fields of a batch's request and response. */
export interface Items {
  /** The list of requests. */
  readonly requests: DescField;
  /** What one of them is. */
  readonly item: DescMessage;
  /** The list of resources in the response; absent if it answers with Empty. */
  readonly answer: DescField | undefined;
}

/** A method of many operations, all or none, in their order (AIP-233 to AIP-235). */
export function writeBatchMethod(
  method: DescMethod,
  { requests, item, answer }: Items,
  { repository, limits }: StandardTools,
  parse: ParseWrite,
): UnaryFunction {
  return async (request, context) => {
    const options = commitOptions(method.input, request, context);
    const items = (request as Message & Record<string, unknown>)[requests.localName] as Message[];
    if (items.length === 0) throw invalidField("requests", "is required");
    if (items.length > limits.batchSizeMax) {
      throw invalidField("requests", `must have at most ${limits.batchSizeMax} requests`);
    }
    const operations = items.map((each, index) => {
      const path = `requests[${index}]`;
      refuseItemOptions(item, each, path);
      return parse(item, each, repository, path);
    });
    const { messages, revision } = await repository.commit(operations, options);
    context.setRevision(revision);
    return answer ? encodeItems(answer, messages as Uint8Array[]) : create(EmptySchema);
  };
}

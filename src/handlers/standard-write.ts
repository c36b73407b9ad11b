// Create, Update and Delete of any resource, alone and in batches: one commit for each call.
// Must not know which it is: the request is taken apart in write-requests.ts.

import { create, type DescField, type DescMessage, type DescMethod } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import type { CommitOptions } from "../database/database.ts";
import { invalidField } from "../errors.ts";
import type { CallContext, RawFunction } from "./handler.ts";
import { decodeRequest, type RawRequest, splitBy } from "./raw-request.ts";
import { commitOptions, refuseItemOptions, stringField } from "./request-options.ts";
import { encodeItems } from "./standard-read.ts";
import type { StandardTools } from "./standard-tools.ts";
import type { WriteParser } from "./write-requests.ts";

/** A method of one operation; it answers with the resource or, if it stores none, with Empty. */
export function writeMethod(
  { repository }: StandardTools,
  { split, parse }: WriteParser,
): RawFunction {
  return async (bytes, context) => {
    const request = split(bytes);
    const options = optionsOf(request, bytes, context);
    const { messages, revision } = await repository.commit([parse(request, "")], options);
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
  { split, parse }: WriteParser,
): RawFunction {
  const splitBatch = splitBy(method.input, requests);
  return async (bytes, context) => {
    const request = splitBatch(bytes);
    const options = optionsOf(request, bytes, context);
    if (request.left.length === 0) throw invalidField("requests", "is required");
    if (request.left.length > limits.batchSizeMax) {
      throw invalidField("requests", `must have at most ${limits.batchSizeMax} requests`);
    }
    const operations = request.left.map((each, index) => {
      const path = `requests[${index}]`;
      const parts = split(each);
      refuseItemOptions(item, parts.message, path);
      return parse(parts, path);
    });
    const { messages, revision } = await repository.commit(operations, options);
    context.setRevision(revision);
    return answer ? encodeItems(answer, messages as Uint8Array[]) : create(EmptySchema);
  };
}

/** A request that may be sent again is decoded as a whole: its digest is of everything in it. */
function optionsOf(
  { desc, message }: RawRequest,
  bytes: Uint8Array,
  context: CallContext,
): CommitOptions {
  const isRepeatable = stringField(desc, message, "request_id") !== "";
  return commitOptions(desc, isRepeatable ? decodeRequest(desc, bytes) : message, context);
}

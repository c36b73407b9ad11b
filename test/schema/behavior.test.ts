// Field behaviors are heeded in the messages inside of a message too, with the path of each field.

import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { BatchCreateCustomersRequestSchema } from "../../gen/chinook/v1/customer_pb.ts";
import { SearchTracksResponseSchema } from "../../gen/chinook/v1/track_pb.ts";
import { StoreError } from "../../src/errors.ts";
import { checkRequired, clearOutputOnly } from "../../src/schema/behavior.ts";

test("OUTPUT_ONLY fields of the messages in a list are cleared", () => {
  const response = create(SearchTracksResponseSchema, {
    results: [{ snippet: "a", score: 1 }, {}, { track: { title: "b" } }],
    nextPageToken: "c",
  });
  clearOutputOnly(SearchTracksResponseSchema, response);
  expect(response).toEqual(
    create(SearchTracksResponseSchema, { results: [{}, {}, {}], nextPageToken: "c" }),
  );
});

test("REQUIRED fields are missed wherever they are, in the order of the fields asked for", () => {
  const desc = BatchCreateCustomersRequestSchema;
  const request = create(desc, {
    requests: [{ customer: { givenName: "a", familyName: "b", email: "c" } }, { customer: {} }, {}],
  });
  let error: unknown;
  try {
    checkRequired(desc, request, "request");
  } catch (caught) {
    error = caught;
  }
  const found = error instanceof StoreError ? error.details.fields?.map(({ field }) => field) : [];
  expect(found).toEqual([
    "request.requests[1].customer.given_name",
    "request.requests[1].customer.family_name",
    "request.requests[1].customer.email",
    "request.requests[2].customer",
  ]);
});

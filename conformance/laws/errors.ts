// Laws of errors (AIP-193): each says by google.rpc.ErrorInfo, and not by its text alone, what it is.
// Looks at every error that the other laws provoked, so it comes last.

import { Code } from "../codes.ts";
import { expectRefused, expectThat, type Law } from "../law.ts";
import { errorInfoOf, violationsOf } from "../violations.ts";

const errorInfo: Law = {
  name: "every error has an ErrorInfo with reason and domain",
  applies: ({ methods }) => Boolean(methods.Get),
  async check(_resource, client) {
    await expectRefused(client.get("nothings/1"), Code.INVALID_ARGUMENT, "Get of nothings/1");
    for (const { method, error } of client.errors) {
      const info = errorInfoOf(error);
      const what = `${method}, "${error.message}"`;
      expectThat(info !== undefined, `${what} has no ErrorInfo`);
      expectThat(/^[A-Z][A-Z0-9_]+[A-Z0-9]$/.test(info.reason), `${what}: reason ${info.reason}`);
      expectThat(info.domain !== "", `${what} has no domain`);
      expectThat(error.status?.code === error.code, `${what}: its Status has another code`);
    }
  },
};

const badRequest: Law = {
  name: "every INVALID_ARGUMENT names the field that is wrong",
  applies: ({ methods }) => Boolean(methods.Get),
  async check(_resource, client) {
    await expectRefused(client.get("nothings/1"), Code.INVALID_ARGUMENT, "Get of nothings/1");
    for (const { method, error } of client.errors) {
      if (error.code !== Code.INVALID_ARGUMENT) continue;
      const [violation] = violationsOf(error);
      const what = `${method}, "${error.message}"`;
      expectThat(violation !== undefined, `${what} has no BadRequest`);
      expectThat(violation.description !== "", `${what} does not say what is wrong`);
    }
  },
};

/** The laws of errors. */
export const ERROR_LAWS: readonly Law[] = [errorInfo, badRequest];

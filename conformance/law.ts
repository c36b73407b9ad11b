// What a law is, and the few ways in which a law says that it does not hold.
// Must not know any law.

import { type DescField, type Message, toJson } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { RpcError } from "../src/client/client.ts";
import type { ResourceClient } from "./client.ts";
import { codeName } from "./codes.ts";
import { differences } from "./compare.ts";
import type { Resource } from "./discover.ts";
import { violationsOf } from "./violations.ts";

/** Something that must be so of every resource that declares what it is about. */
export interface Law {
  readonly name: string;
  /** True if the resource declares the methods and fields that the law is about. */
  applies(resource: Resource): boolean;
  /** @throws LawBroken if it does not hold, NotDeclared if it turns out that there is nothing to check. */
  check(resource: Resource, client: ResourceClient): Promise<void>;
}

/** A law does not hold. */
export class LawBroken extends Error {
  override readonly name = "LawBroken";
}

/** The resource has nothing that the law could be checked with. */
export class NotDeclared extends Error {
  override readonly name = "NotDeclared";
}

/** @throws LawBroken if it is not so. */
export function expectThat(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new LawBroken(otherwise);
}

/** @throws LawBroken, with the fields that differ, if the resources are not the same. */
export function expectSame(
  resource: Resource,
  actual: Message,
  expected: Message,
  what: string,
  ignored?: (field: DescField) => boolean,
): void {
  const fields = differences(resource, actual, expected, ignored);
  if (fields.length === 0) return;
  const shown = fields
    .map(
      (field) => `${field}: ${show(resource, expected, field)} → ${show(resource, actual, field)}`,
    )
    .join("; ");
  throw new LawBroken(`${what}: expected → actual differ in ${shown}`);
}

/** A field of a resource as text for a report. */
export function show({ desc, registry }: Resource, message: Message, field: string): string {
  if (field === "*") return "(unknown fields)";
  try {
    const json = toJson(desc, message, { registry }) as Record<string, unknown>;
    const value = json[desc.fields.find(({ name }) => name === field)?.jsonName ?? ""];
    return (JSON.stringify(value) ?? "(unset)").slice(0, 120);
  } catch {
    return String(reflect(desc, message).isSet(desc.fields[0] as DescField));
  }
}

/**
 * The error with which the server refused a call.
 * @throws LawBroken if it did not, or if it did with another code.
 */
export async function expectRefused(
  call: Promise<unknown>,
  code: number | readonly number[],
  what: string,
): Promise<RpcError> {
  const codes = typeof code === "number" ? [code] : code;
  const wanted = codes.map(codeName).join(" or ");
  try {
    await call;
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    if (codes.includes(error.code)) return error;
    throw new LawBroken(
      `${what}: expected ${wanted}, was refused with ${codeName(error.code)}: ${error.message}`,
    );
  }
  throw new LawBroken(`${what}: expected ${wanted}, was answered`);
}

/** @throws LawBroken unless the error has a violation whose path matches. */
export function expectViolation(error: RpcError, path: RegExp, what: string): void {
  const fields = violationsOf(error).map(({ field }) => field);
  expectThat(
    fields.some((field) => path.test(field)),
    `${what}: expected a violation of a field like ${path.source}, was [${fields.join(", ")}]`,
  );
}

/** How a call ended: undefined if it was answered, else the code with which it was refused. */
export async function codeOf(call: Promise<unknown>): Promise<number | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    if (error instanceof RpcError) return error.code;
    throw error;
  }
}

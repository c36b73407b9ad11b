// Two programs that know the service by reflection alone, made to look alike: `buf curl`, which is
// a dependency, and grpcurl, which a machine may lack.

import { join } from "node:path";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { ErrorInfoSchema, ResourceInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { outsideTool, REPO_ROOT } from "../support/tools.ts";
import { runProgram } from "./cli.ts";

/** What a failed call shows of its details. */
export interface CurlFailure {
  readonly code: number;
  readonly message: string;
  readonly reason: string | undefined;
  readonly resource: string | undefined;
}

/** A program that makes calls with JSON. */
export interface Curl {
  /** The full names of the services. */
  list(address: string): Promise<readonly string[]>;
  /** The response of a method such as `chinook.v1.GenreService/GetGenre`. */
  call(address: string, method: string, request: object): Promise<JsonObject>;
  /** A field mask of paths as the program wants it: grpcurl does not know the form of ProtoJSON. */
  mask(...paths: readonly string[]): unknown;
  /** How a call fails that must. */
  fail(address: string, method: string, request: object): Promise<CurlFailure>;
}

export type JsonObject = { readonly [key: string]: unknown };

const PROTOCOL = ["--protocol", "grpc", "--http2-prior-knowledge"];

/** The names that `buf curl` has for the codes that the tests meet. */
const BUF_CODES: Readonly<Record<string, number>> = {
  invalid_argument: 3,
  not_found: 5,
  failed_precondition: 9,
};

export const bufCurl: Curl = {
  async list(address) {
    const stdout = await succeed(BUF, ["curl", ...PROTOCOL, "--list-services", url(address)]);
    return stdout.trim().split("\n");
  },
  async call(address, method, request) {
    return JSON.parse(await succeed(BUF, bufCall(address, method, request))) as JsonObject;
  },
  mask: (...paths) => paths.map(toCamelCase).join(","),
  async fail(address, method, request) {
    const { code, stderr } = await runProgram(BUF, bufCall(address, method, request));
    const status = JSON.parse(stderr) as {
      code: string;
      message: string;
      details: { type: string; value: string }[];
    };
    const number = BUF_CODES[status.code] ?? 0;
    if (code !== number * 8) throw new Error(`buf curl ended with ${code}: ${stderr}`);
    const unpack = <T extends typeof ErrorInfoSchema | typeof ResourceInfoSchema>(schema: T) => {
      const found = status.details.find(({ type }) => type === schema.typeName);
      if (!found) return undefined;
      const typeUrl = `type.googleapis.com/${found.type}`;
      const value = new Uint8Array(Buffer.from(found.value, "base64"));
      return anyUnpack({ $typeName: "google.protobuf.Any", typeUrl, value }, schema);
    };
    return {
      code: number,
      message: status.message,
      reason: unpack(ErrorInfoSchema)?.reason,
      resource: unpack(ResourceInfoSchema)?.resourceName,
    };
  },
};

const BUF = join(REPO_ROOT, "node_modules", ".bin", "buf");

function bufCall(address: string, method: string, request: object): string[] {
  return ["curl", ...PROTOCOL, "--data", JSON.stringify(request), `${url(address)}/${method}`];
}

function toCamelCase(path: string): string {
  return path.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function url(address: string): string {
  return `http://${address}`;
}

/** grpcurl, if the machine has it. */
export function grpcurl(): Curl | undefined {
  const program = outsideTool("grpcurl");
  if (!program) return undefined;
  const callArguments = (address: string, method: string, request: object) => [
    "-plaintext",
    "-format-error",
    "-d",
    JSON.stringify(request),
    address,
    method,
  ];
  return {
    async list(address) {
      return (await succeed(program, ["-plaintext", address, "list"])).trim().split("\n");
    },
    async call(address, method, request) {
      const stdout = await succeed(program, callArguments(address, method, request));
      return JSON.parse(stdout) as JsonObject;
    },
    mask: (...paths) => ({ paths }),
    async fail(address, method, request) {
      const { code, stderr } = await runProgram(program, callArguments(address, method, request));
      const status = JSON.parse(stderr) as {
        code: number;
        message: string;
        details: { "@type": string; reason?: string; resourceName?: string }[];
      };
      if (code !== 64 + status.code) throw new Error(`grpcurl ended with ${code}: ${stderr}`);
      const { message, details } = status;
      return {
        code: status.code,
        message,
        reason: details.find(({ reason }) => reason)?.reason,
        resource: details.find(({ resourceName }) => resourceName)?.resourceName,
      };
    },
  };
}

/** What a program prints that must succeed. */
export async function succeed(program: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runProgram(program, args);
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}`);
  return stdout;
}

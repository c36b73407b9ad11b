// The service as its users meet it: through buf curl always, through grpcurl where it is installed.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { CustomerService } from "../../gen/chinook/v1/customer_pb.ts";
import {
  DatabaseService,
  DatabaseStatus_Synchronous,
  DatabaseStatusSchema,
} from "../../gen/protostore/v1/database_service_pb.ts";
import { invalidField } from "../../src/errors.ts";
import { reflectionServices } from "../../src/grpc/reflection.ts";
import type { Service } from "../../src/handlers/handler.ts";
import { databaseService } from "../../src/health/database-service.ts";
import { createHealthMonitor } from "../../src/health/monitor.ts";
import { healthService } from "../../src/health/service.ts";
import { outsideTool, REPO_ROOT } from "../support/tools.ts";
import { memoryLog, serve } from "./support.ts";

const run = promisify(execFile);
const buf = join(REPO_ROOT, "node_modules", ".bin", "buf");
const grpcurl = outsideTool("grpcurl");

/** A served set with a database status that does not change, and customers that are all refused. */
async function serveSome(): Promise<string> {
  const { log } = memoryLog();
  const limits = { probeIntervalMs: 1_000, glanceIntervalMs: 0 };
  const monitor = createHealthMonitor({
    services: [CustomerService.typeName],
    probe: async () => ({ serving: true }),
    limits,
    log,
  });
  await monitor.start();
  const customers: Service = {
    desc: CustomerService,
    handlers: [
      {
        kind: "unary",
        method: CustomerService.method.getCustomer,
        async implement() {
          throw invalidField("name", "must be like customers/1");
        },
      },
    ],
  };
  const status = create(DatabaseStatusSchema, {
    connection: { open: true, journalMode: "wal", synchronous: DatabaseStatus_Synchronous.FULL },
    revision: 42n,
  });
  const health = healthService(monitor);
  const unasked = () => Promise.reject(new Error("is not asked"));
  const database = databaseService({
    readStatus: async () => status,
    explainQuery: unasked,
    checkpoint: unasked,
    backUp: async function* () {},
    maintain: async function* () {},
  });
  const reflection = reflectionServices([health.desc, database.desc, CustomerService]);
  const services = [health, database, customers, ...reflection];
  const { address } = await serve({ services, onStopping: monitor.stop });
  return address;
}

const NAMES = [
  "chinook.v1.CustomerService",
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
  "protostore.v1.DatabaseService",
];

interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a client that may fail. */
function attempt(program: string, args: readonly string[]): Promise<Outcome> {
  return run(program, args).catch((failed: Outcome) => failed);
}

describe("buf curl", () => {
  const options = ["curl", "--protocol", "grpc", "--http2-prior-knowledge"];

  test.each(["v1", "v1alpha"])("lists services and methods through reflection %s", async (v) => {
    const url = `http://${await serveSome()}`;
    const reflect = [...options, "--reflect-protocol", `grpc-${v}`];
    const { stdout: names } = await run(buf, [...reflect, "--list-services", url]);
    expect(names.trim().split("\n")).toEqual(NAMES);
    const { stdout: methods } = await run(buf, [...reflect, "--list-methods", url]);
    const declared = DatabaseService.methods.map(
      ({ name }) => `${DatabaseService.typeName}/${name}`,
    );
    expect(methods.split("\n")).toEqual(expect.arrayContaining(declared));
  });

  test("calls a method, health, and one that fails", async () => {
    const url = `http://${await serveSome()}`;
    const call = (method: string, body: string) =>
      attempt(buf, [...options, "-d", body, `${url}/${method}`]);
    const status = await call("protostore.v1.DatabaseService/GetDatabaseStatus", "{}");
    expect(JSON.parse(status.stdout)).toEqual({
      connection: { open: true, journalMode: "wal", synchronous: "FULL" },
      revision: "42",
    });
    const health = await call("grpc.health.v1.Health/List", "{}");
    expect(JSON.parse(health.stdout).statuses[""]).toEqual({ status: "SERVING" });
    const failed = await call("chinook.v1.CustomerService/GetCustomer", '{"name": "customers/x"}');
    expect(JSON.parse(failed.stderr)).toMatchObject({
      code: "invalid_argument",
      message: "name: must be like customers/1",
      details: [{ type: "google.rpc.ErrorInfo" }, { type: "google.rpc.BadRequest" }],
    });
  });
});

describe.skipIf(!grpcurl)("grpcurl", () => {
  const call = async (...args: string[]) => attempt(grpcurl as string, ["-plaintext", ...args]);

  test("lists what is served, and describes a message with its options", async () => {
    const address = await serveSome();
    const { stdout } = await call(address, "list");
    expect(stdout.trim().split("\n")).toEqual(NAMES);
    const { stdout: customer } = await call(address, "describe", "chinook.v1.Customer");
    expect(customer).toContain('type: "chinook.example.com/Customer"');
    expect(customer).toMatch(/option \(\.protostore\.v1\.table\) = \{\s+name: "customers"/);
    expect(customer).toContain("(.google.api.field_behavior) = REQUIRED");
    const { stdout: extended } = await call(address, "describe", "google.protobuf.FieldOptions");
    expect(extended).toContain("FieldOptions is a message");
  });

  test("prints every detail of an error", async () => {
    const address = await serveSome();
    const { stderr } = await call("-d", "{}", address, "chinook.v1.CustomerService/GetCustomer");
    expect(stderr).toContain("Code: InvalidArgument");
    expect(stderr).toContain('"reason": "INVALID_FIELD"');
    expect(stderr).toContain('"description": "must be like customers/1"');
  });
});

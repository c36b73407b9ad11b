// `grpc.health.v1.Health`: tells what the monitor knows.
// Must not look at the database: an answer is as fast when the disk is slow.

import { create } from "@bufbuild/protobuf";
import {
  Health,
  type HealthCheckResponse,
  HealthCheckResponseSchema,
  HealthListResponseSchema,
  HealthCheckResponse_ServingStatus as Serving,
} from "../../gen/health/v1/health_pb.ts";
import { StoreError } from "../errors.ts";
import { implementService, type Service } from "../handlers/handler.ts";
import type { HealthMonitor, ServingStatus } from "./monitor.ts";

/** The health service over a monitor. */
export function healthService(monitor: HealthMonitor): Service {
  return implementService(Health, {
    async check({ service }) {
      const status = monitor.status(service);
      if (status === undefined) {
        throw new StoreError("RESOURCE_NOT_FOUND", `there is no service "${service}" here`, {
          resource: { type: "service", name: service },
        });
      }
      return response(status);
    },
    watch: ({ service }, { signal }) => watch(monitor, service, signal),
    async list() {
      const statuses = Object.entries(monitor.statuses());
      return create(HealthListResponseSchema, {
        statuses: Object.fromEntries(statuses.map(([name, status]) => [name, response(status)])),
      });
    },
  });
}

/** The status of `service` now and after each change; of changes in quick succession the last. */
async function* watch(
  monitor: HealthMonitor,
  service: string,
  signal: AbortSignal,
): AsyncIterable<HealthCheckResponse> {
  let told: ServingStatus | undefined;
  while (!signal.aborted) {
    const status = monitor.status(service) ?? Serving.SERVICE_UNKNOWN;
    if (status === told) {
      await monitor.changed(signal);
    } else {
      told = status;
      yield response(status);
    }
  }
}

function response(status: ServingStatus): HealthCheckResponse {
  return create(HealthCheckResponseSchema, { status });
}

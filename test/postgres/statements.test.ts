// Statements of PostgreSQL are measured, and told to OpenTelemetry, under the names of its conventions.

import { trace } from "@opentelemetry/api";
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-node";
import { expect, onTestFinished, test, vi } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { scrape, sumOf } from "../metrics/scrape.ts";
import { startTestService } from "../support/service.ts";
import { makeEmptyDatabase } from "./empty.ts";

test("spans of calls have their statements, and figures count all of them", async () => {
  const exporter = new InMemorySpanExporter();
  new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
  onTestFinished(() => trace.disable());
  const empty = await makeEmptyDatabase();
  onTestFinished(() => empty.drop());
  const service = await startTestService({ database: empty.url, metricsAddress: "127.0.0.1:0" });
  const artists = service.connection.service(ArtistService);
  const { name } = await artists.createArtist({ artist: { displayName: "A" } });
  await artists.getArtist({ name });
  await vi.waitFor(() => {
    const names = exporter.getFinishedSpans().map((span) => span.name);
    expect(names).toEqual(expect.arrayContaining(["INSERT artists", "COMMIT", "SELECT artists"]));
  });
  const found = exporter.getFinishedSpans().find((span) => span.name === "INSERT artists");
  expect(found?.attributes).toMatchObject({
    "db.system.name": "postgresql",
    "db.namespace": empty.name,
    "db.collection.name": "artists",
  });
  const samples = await scrape(service.metricsPort);
  const driver = "postgres";
  const counted = (operation: string) =>
    sumOf(samples, "database_query_total", { driver, operation, status: "ok" });
  expect(counted("INSERT")).toBeGreaterThan(0);
  expect(counted("SELECT")).toBeGreaterThan(0);
  expect(counted("COMMIT")).toBeGreaterThan(0);
  expect(sumOf(samples, "database_commit_duration_seconds_count", { driver })).toBeGreaterThan(0);
  expect(sumOf(samples, "database_commit_group_calls_count", { driver })).toBeGreaterThan(0);
  expect(samples.some((sample) => sample.name.startsWith("database_sqlite"))).toBe(false);
});

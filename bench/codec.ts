// What a message costs on its way into a row, step by step, without SQLite: ours, and beside it what
// the protobuf library takes for the whole message. Prints microseconds per message, medians with
// their spread.

import { create, fromBinary, toBinary, toJsonString } from "@bufbuild/protobuf";
import { type Customer, Customer_Status, CustomerSchema } from "../gen/chinook/v1/customer_pb.ts";
import { RESOURCES } from "../src/chinook/resources.ts";
import { applyDefaults, checkRequired, clearOutputOnly } from "../src/schema/behavior.ts";
import { createWire } from "../src/schema/create-wire.ts";
import { planResources } from "../src/schema/plan.ts";
import { registryOf } from "../src/schema/registry.ts";
import { encodeCells, type RowIdentity, setIdentity } from "../src/schema/row.ts";
import { quantile } from "./quantile.ts";

const BATCH = 1000;
const ROUNDS = Number(process.env.ROUNDS ?? 300);
const WARM_UP = 30;

const plans = planResources(RESOURCES);
const registry = registryOf(RESOURCES.map(({ resource }) => resource));
const plan = plans.find(({ table }) => table === "customers");
if (!plan) throw new Error("there is no plan for customers");
const now = "2026-01-31T12:00:00.000Z";

const requests = Array.from({ length: BATCH }, (_, i) => toBinary(CustomerSchema, customer(i)));
const bytes = requests.reduce((sum, { length }) => sum + length, 0) / BATCH;

function identity(i: number): RowIdentity {
  return { key: BigInt(i + 1), revision: 7n, createdAt: now, updatedAt: now };
}

/** Each step over a batch; the messages are decoded anew in each round. */
const steps: readonly [string, (messages: Customer[]) => void][] = [
  [
    "fromBinary (library)",
    (messages) =>
      requests.forEach((request, i) => {
        messages[i] = fromBinary(CustomerSchema, request);
      }),
  ],
  [
    "clearOutputOnly",
    (messages) =>
      messages.forEach((message) => {
        clearOutputOnly(plan.desc, message);
      }),
  ],
  [
    "checkRequired",
    (messages) =>
      messages.forEach((message) => {
        checkRequired(plan.desc, message, "customer");
      }),
  ],
  [
    "applyDefaults",
    (messages) =>
      messages.forEach((message) => {
        applyDefaults(plan, message);
      }),
  ],
  [
    "encodeCells",
    (messages) =>
      messages.forEach((message) => {
        encodeCells(plan, message, registry, "customer");
      }),
  ],
  [
    "createWire",
    (messages) =>
      messages.forEach((message, i) => {
        createWire(plan, requests[i], message, identity(i));
      }),
  ],
  [
    "setIdentity",
    (messages) =>
      messages.forEach((message, i) => {
        setIdentity(plan, message, identity(i));
      }),
  ],
  [
    "toBinary (library)",
    (messages) =>
      messages.forEach((message) => {
        toBinary(CustomerSchema, message);
      }),
  ],
  [
    "toJsonString (library)",
    (messages) =>
      messages.forEach((message) => {
        toJsonString(CustomerSchema, message);
      }),
  ],
];

const times = new Map(steps.map(([name]) => [name, [] as number[]]));
for (let round = -WARM_UP; round < ROUNDS; round++) {
  const messages: Customer[] = [];
  for (const [name, step] of steps) {
    const started = performance.now();
    step(messages);
    const elapsed = performance.now() - started;
    if (round >= 0) times.get(name)?.push((elapsed * 1000) / BATCH);
  }
}
console.log(`a Customer of ${bytes.toFixed(0)} bytes, ${ROUNDS} rounds of ${BATCH}`);
for (const [name, measured] of times) {
  const [p10, p50, p90] = [0.1, 0.5, 0.9].map((q) => quantile(measured, q)) as [
    number,
    number,
    number,
  ];
  console.log(
    `${name.padEnd(24)} p50 ${p50.toFixed(2)} µs  (p10 ${p10.toFixed(2)}, p90 ${p90.toFixed(2)})`,
  );
}

function customer(i: number): Customer {
  return create(CustomerSchema, {
    givenName: "Luís",
    familyName: "Gonçalves",
    company: "Embraer - Empresa Brasileira de Aeronáutica S.A.",
    address: "Av. Brigadeiro Faria Lima, 2170",
    city: "São José dos Campos",
    country: "Brazil",
    phone: "+55 (12) 3923-5555",
    email: `luis.${i}@example.com`,
    status: i % 2 === 0 ? Customer_Status.STATUS_UNSPECIFIED : Customer_Status.SUSPENDED,
    preferences: {
      languageCode: "pt-BR",
      newsletter: true,
      favoriteGenres: ["genres/1", "genres/7"],
      quietHours: { startHour: 22, endHour: 7 },
    },
    tags: ["vip", "vinyl", "newsletter-2026"],
    loyalty: {
      points: BigInt(i) * 1000n,
      joinTime: { seconds: 1_700_000_000n + BigInt(i), nanos: 123_000_000 },
    },
    attributes: { source: "web", campaign: "spring", tier: "gold", note: "calls back" },
    preferredContact: { case: "contactEmail", value: `luis.${i}@home.example.com` },
  });
}

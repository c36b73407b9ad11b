// The methods of chinook.v1.SalesService, which has no resource of its own.
// Takes requests apart and checks them; the SQL is in sales-repository.ts.

import { create } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { ArtistSchema } from "../../../gen/chinook/v1/artist_pb.ts";
import { EmployeeSchema } from "../../../gen/chinook/v1/employee_pb.ts";
import { GenreSchema } from "../../../gen/chinook/v1/genre_pb.ts";
import { InvoiceSchema } from "../../../gen/chinook/v1/invoice_pb.ts";
import {
  SummarizeSalesRequest_GroupBy as GroupBy,
  type SalesService,
  SummarizeSalesResponse_GroupSchema,
  SummarizeSalesResponseSchema,
} from "../../../gen/chinook/v1/sales_service_pb.ts";
import { MoneySchema } from "../../../gen/google/type/money_pb.ts";
import { invalidField } from "../../errors.ts";
import type { Implementations } from "../../handlers/handler.ts";
import type { HandlerTools } from "../../handlers/services.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import { formatName } from "../../schema/resource-name.ts";
import { Unrepresentable } from "../../schema/types/column-codec.ts";
import { splitNanos } from "../../schema/types/nanos.ts";
import { timestampCodec } from "../../schema/types/timestamp.ts";
import type { Grouping, Sales } from "./sales.ts";
import { createSalesRepository } from "./sales-repository.ts";

const GROUPINGS: ReadonlyMap<GroupBy, Grouping> = new Map([
  [GroupBy.COUNTRY, "country"],
  [GroupBy.GENRE, "genre"],
  [GroupBy.ARTIST, "artist"],
  [GroupBy.SUPPORT_REP, "supportRep"],
  [GroupBy.MONTH, "month"],
]);

/** The methods over the repository of sales. */
export function salesMethods(
  tools: HandlerTools,
): Implementations<(typeof SalesService)["method"]> {
  const repository = createSalesRepository(tools.database, tools.repositoryOf(InvoiceSchema).plan);
  const plans: Readonly<Partial<Record<Grouping, ResourcePlan>>> = {
    genre: tools.repositoryOf(GenreSchema).plan,
    artist: tools.repositoryOf(ArtistSchema).plan,
    supportRep: tools.repositoryOf(EmployeeSchema).plan,
  };

  function formatKey(grouping: Grouping, key: Sales["key"]): string {
    const plan = plans[grouping];
    if (key === null) return "";
    return plan && typeof key === "bigint" ? formatName(plan.resource, key) : String(key);
  }

  return {
    async summarizeSales(request, context) {
      const grouping = GROUPINGS.get(request.groupBy);
      if (!grouping) throw invalidField("group_by", "must be one of the values that are defined");
      checkTime(request.startTime, "start_time");
      checkTime(request.endTime, "end_time");
      if (request.startTime && request.endTime && isBefore(request.endTime, request.startTime)) {
        throw invalidField("end_time", "must not be before start_time");
      }
      const summary = await repository.summarize(
        grouping,
        request.startTime,
        request.endTime,
        context,
      );
      context.setRevision(summary.revision);
      const sorted = summary.groups
        .map((group) => ({ ...group, key: formatKey(grouping, group.key) }))
        .sort(grouping === "month" ? compareKeys : compareRevenues);
      const toGroup = (sales: Sales & { readonly key: string }) =>
        create(SummarizeSalesResponse_GroupSchema, {
          key: sales.key,
          displayName: sales.displayName,
          quantity: sales.quantity,
          invoiceCount: sales.invoiceCount,
          revenue: toMoney(sales.revenueNanos, summary.currencyCode),
        });
      return create(SummarizeSalesResponseSchema, {
        groups: sorted.map(toGroup),
        total: toGroup({ ...summary.total, key: "" }),
        unreachable: [...tools.faults.leaveOut(summary.unreachable, true)],
      });
    },
  };
}

function checkTime(time: Timestamp | undefined, field: string): void {
  if (!time) return;
  try {
    timestampCodec.encode(time);
  } catch (error) {
    throw error instanceof Unrepresentable ? invalidField(field, error.message) : error;
  }
}

function isBefore(a: Timestamp, b: Timestamp): boolean {
  return a.seconds === b.seconds ? a.nanos < b.nanos : a.seconds < b.seconds;
}

function toMoney(nanos: bigint, currencyCode: string) {
  return create(MoneySchema, { currencyCode, ...splitNanos(nanos) });
}

interface Sortable {
  readonly key: string;
  readonly revenueNanos: bigint;
}

function compareKeys(a: Sortable, b: Sortable): number {
  if (a.key === b.key) return 0;
  return a.key < b.key ? -1 : 1;
}

function compareRevenues(a: Sortable, b: Sortable): number {
  if (a.revenueNanos === b.revenueNanos) return compareKeys(a, b);
  return a.revenueNanos > b.revenueNanos ? -1 : 1;
}

// `protostore maintain`: has a running server put its database file in order, and tells how far it is.
// Is a client like any other: it never opens the database file.

import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  DatabaseService,
  type MaintainDatabaseRequestSchema,
  type MaintainDatabaseResponse,
  type MaintainDatabaseResponse_Figures,
  MaintainDatabaseResponse_Stage as Stage,
} from "../../gen/protostore/v1/database_service_pb.ts";
import { askServer, type ServerOptions, serverCommand } from "./server-client.ts";
import { switchOption } from "./shared-options.ts";

/** The command `maintain`. */
export function maintainCommand() {
  return serverCommand("maintain")
    .description("have a running server put its database file in order")
    .addOption(switchOption("vacuum", "write the whole file anew: no writes until it is done"))
    .addHelpText("after", "\nExample:\n  $ protostore maintain --address 127.0.0.1:50051")
    .action(({ vacuum, ...server }: ServerOptions & { readonly vacuum: boolean }) =>
      runMaintenance(server, { vacuum }),
    );
}

/** Has it done, and prints what the server answers. @throws StoreError */
export function runMaintenance(
  server: ServerOptions,
  request: MessageInitShape<typeof MaintainDatabaseRequestSchema>,
): Promise<void> {
  return askServer(server, async (connection) => {
    const answers = connection.service(DatabaseService).maintainDatabase(request);
    for await (const answer of answers) process.stdout.write(linesOf(answer));
  });
}

const WORDS: Readonly<Record<Stage, string>> = {
  [Stage.STAGE_UNSPECIFIED]: "working",
  [Stage.MEASURING]: "pages measured",
  [Stage.OPTIMIZING]: "what SQLite finds due",
  [Stage.ANALYZING]: "tables analyzed",
  [Stage.MERGING]: "full-text indexes merged",
  [Stage.FREEING]: "free pages given back",
  [Stage.VACUUMING]: "file written anew",
  [Stage.CHECKPOINTING]: "log copied",
  [Stage.FORGETTING]: "answers to request ids forgotten",
  [Stage.REBUILDING]: "full-text indexes made anew",
  [Stage.FINISHED]: "done",
};

function linesOf({
  stage,
  done,
  total,
  previousFigures,
  currentFigures,
}: MaintainDatabaseResponse): string {
  if (stage !== Stage.FINISHED) return `${WORDS[stage]}: ${done} of ${total}\n`;
  return `${[describe("before", previousFigures), describe("after", currentFigures)].flat().join("\n")}\n`;
}

function describe(
  when: string,
  figures: MaintainDatabaseResponse_Figures | undefined,
): readonly string[] {
  if (!figures) return [];
  const { databaseSizeBytes, logSizeBytes, pageCount, freelistCount, use } = figures;
  const file = `file ${databaseSizeBytes} bytes, log ${logSizeBytes} bytes`;
  const pages = `${pageCount} pages, ${freelistCount} of them free`;
  const lines = [`${when}: ${file}; ${pages}`];
  if (!use) return lines;
  const { tableBytes, indexBytes, unusedBytes, scatteredPageCount } = use;
  return [
    ...lines,
    `  tables ${tableBytes} bytes, indexes ${indexBytes} bytes, ${unusedBytes} of both unused`,
    `  ${scatteredPageCount} pages out of order; statistics of ${use.analyzedIndexCount} of ${use.indexCount} indexes`,
  ];
}

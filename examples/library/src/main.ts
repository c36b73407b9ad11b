// Serves the library on 127.0.0.1:50051, from library.db.

import { serve } from "protostore";
import { LIBRARY } from "./definition.ts";

const service = await serve(LIBRARY, {
  database: process.env.LIBRARY_DATABASE ?? "library.db",
  address: process.env.LIBRARY_ADDRESS ?? "127.0.0.1:50051",
});
process.once("SIGTERM", () => service.stop());
process.once("SIGINT", () => service.stop());
process.stdout.write(`the library is open on port ${service.port}\n`);

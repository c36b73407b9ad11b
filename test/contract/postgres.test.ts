// The contract over PostgreSQL.

import { describeContract } from "./contract.ts";
import { makePostgresStore } from "./postgres-store.ts";

describeContract("PostgreSQL", makePostgresStore);

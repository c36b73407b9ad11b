// The contract over SQLite.

import { describeContract } from "./contract.ts";
import { makeSqliteStore } from "./sqlite-store.ts";

describeContract("SQLite", makeSqliteStore);

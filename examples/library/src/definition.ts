// All that the library serves.

import { join } from "node:path";
import { type Definition, implement } from "protostore";
import { BookService } from "../gen/library/v1/book_pb.ts";
import { bookMethods } from "./methods.ts";
import { RESOURCES } from "./resources.ts";

export const LIBRARY: Definition = {
  ...RESOURCES,
  methods: [implement(BookService, bookMethods)],
  migrations: join(import.meta.dirname, "..", "migrations"),
};

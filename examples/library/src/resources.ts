// The resources. Threads import this module, so it does nothing else.

import { defineResources } from "protostore";
import { AuthorSchema, AuthorService } from "../gen/library/v1/author_pb.ts";
import { BookSchema, BookService } from "../gen/library/v1/book_pb.ts";

export const RESOURCES = defineResources(import.meta.url, [
  { resource: AuthorSchema, service: AuthorService },
  { resource: BookSchema, service: BookService },
]);

// The method that no convention defines: lending a book.

import { create, toBinary } from "@bufbuild/protobuf";
import { type HandlerTools, type Implementations, StoreError } from "protostore";
import { BookSchema, type BookService } from "../gen/library/v1/book_pb.ts";

type Methods = Pick<Implementations<(typeof BookService)["method"]>, "lendBook">;

/** One commit, whose update says what it changes; the answer is the row as it is stored. */
export function bookMethods({ repositoryOf }: HandlerTools): Methods {
  const books = repositoryOf(BookSchema);
  return {
    async lendBook({ name, borrower }, context) {
      const message = toBinary(BookSchema, create(BookSchema, { name, borrower }));
      const update = { message, mask: ["borrower"], allowMissing: false, path: "book" };
      const { messages, revision } = await books.commit(
        [{ kind: "update", plan: books.plan, ...update }],
        context,
      );
      context.setRevision(revision);
      const [book] = messages;
      if (!book) throw new StoreError("INTERNAL", "the update has no answer");
      return book;
    },
  };
}

// The method of chinook.v1.TrackService that is not standard: the search.
// Takes requests apart and checks them; the rest is in search-repository.ts.

import {
  SearchTracksRequestSchema,
  SearchTracksResponse_ResultSchema,
  SearchTracksResponseSchema,
  TrackSchema,
  type TrackService,
} from "../../../gen/chinook/v1/track_pb.ts";
import type { Implementations } from "../../handlers/handler.ts";
import { answerPage, pagingMessages } from "../../handlers/paging.ts";
import type { HandlerTools } from "../../handlers/services.ts";
import { parseSearchQuery } from "./search-query.ts";
import { createSearchRepository } from "./search-repository.ts";

/** The search over the repository of the index. */
export function trackMethods(
  tools: HandlerTools,
): Pick<Implementations<(typeof TrackService)["method"]>, "searchTracks"> {
  const { database, limits, faults, pageTokens } = tools;
  const track = tools.repositoryOf(TrackSchema).plan;
  const repository = createSearchRepository(database, track, limits);
  const messages = pagingMessages(
    SearchTracksRequestSchema,
    SearchTracksResponseSchema,
    SearchTracksResponse_ResultSchema,
  );
  if (!messages) throw new TypeError("SearchTracks is not paged");
  const paging = { messages, limits, faults, pageTokens };

  return {
    async searchTracks(request, context) {
      const terms = parseSearchQuery(request.query, "query");
      const { bytes, revision } = await answerPage(request, paging, ({ after, pageSize }) =>
        repository.search(terms, after, pageSize, context),
      );
      context.setRevision(revision);
      return bytes;
    },
  };
}

// Laws of etags (AIP-154): a current one lets a write through, a stale one is ABORTED and nothing
// has changed, and every write makes a new one.

import { Code } from "../codes.ts";
import type { Resource } from "../discover.ts";
import { expectRefused, expectSame, expectThat, type Law } from "../law.ts";

const hasEtag = ({ etag, methods }: Resource) =>
  Boolean(etag && methods.Create && methods.Get && methods.Update);

const changes: Law = {
  name: "every write gives a new etag, and every read the current one",
  applies: hasEtag,
  async check(_resource, client) {
    const created = await client.createNew();
    const name = client.nameOf(created);
    const etags = [client.etagOf(created)];
    for (let round = 0; round < 3; round++) {
      const updated = await client.update(client.named(client.maker.make(), name), ["*"]);
      etags.push(client.etagOf(updated));
      expectThat(client.etagOf(await client.get(name)) === etags.at(-1), "Get has another etag");
    }
    expectThat(!etags.includes(""), "an etag is empty");
    expectThat(new Set(etags).size === etags.length, `etags repeat: ${etags.join(" ")}`);
  },
};

const guardsUpdate: Law = {
  name: "a stale etag makes an Update ABORTED and changes nothing, a current one does not",
  applies: hasEtag,
  async check(resource, client) {
    const first = await client.createNew();
    const name = client.nameOf(first);
    const fresh = client.named(client.maker.make(), name, client.etagOf(first));
    const second = await client.update(fresh, ["*"]);
    for (const stale of [client.etagOf(first), '"no-such-etag"']) {
      const call = client.update(client.named(client.maker.make(), name, stale), ["*"]);
      await expectRefused(call, Code.ABORTED, `Update with etag ${stale}`);
      expectSame(resource, await client.get(name), second, "Get after ABORTED");
    }
    await client.update(client.named(client.maker.make(), name), ["*"]);
  },
};

const guardsDelete: Law = {
  name: "a stale etag makes a Delete ABORTED, a current one does not",
  applies: (resource) => hasEtag(resource) && Boolean(resource.methods.Delete?.fields.has("etag")),
  async check(resource, client) {
    const first = await client.createNew();
    const name = client.nameOf(first);
    const second = await client.update(client.named(client.maker.make(), name), ["*"]);
    const call = client.delete(name, { etag: client.etagOf(first) });
    await expectRefused(call, Code.ABORTED, "Delete with a stale etag");
    expectSame(resource, await client.get(name), second, "Get after ABORTED");
    await client.delete(name, { etag: client.etagOf(second) });
    await expectRefused(client.get(name), Code.NOT_FOUND, "Get after Delete");
  },
};

const guardsBatchUpdate: Law = {
  name: "a stale etag in a BatchUpdate makes all of it ABORTED",
  applies: (resource) => hasEtag(resource) && Boolean(resource.methods.BatchUpdate),
  async check(resource, client) {
    const one = await client.createNew();
    const other = await client.createNew();
    const now = await client.update(client.named(client.maker.make(), client.nameOf(other)), ["*"]);
    const request = (message: typeof one, etag: string) =>
      client.updateRequest(client.named(client.maker.make(), client.nameOf(message), etag), ["*"]);
    const good = request(one, client.etagOf(one));
    const call = client.batchUpdate([good, request(other, client.etagOf(other))]);
    await expectRefused(call, Code.ABORTED, "BatchUpdate with a stale etag");
    expectSame(resource, await client.get(client.nameOf(one)), one, "the first one");
    expectSame(resource, await client.get(client.nameOf(other)), now, "the second one");
    await client.batchUpdate([good, request(other, client.etagOf(now))]);
  },
};

const guardsBatchDelete: Law = {
  name: "a stale etag in a BatchDelete makes all of it ABORTED",
  applies: (resource) => {
    const item = resource.methods.BatchDelete?.fields.get("requests")?.message;
    return hasEtag(resource) && Boolean(item?.fields.some(({ name }) => name === "etag"));
  },
  async check(resource, client) {
    const one = await client.createNew();
    const other = await client.createNew();
    const now = await client.update(client.named(client.maker.make(), client.nameOf(other)), ["*"]);
    const requests = (etag: string) => [
      { name: client.nameOf(one), etag: client.etagOf(one) },
      { name: client.nameOf(other), etag },
    ];
    const call = client.batchDelete(requests(client.etagOf(other)));
    await expectRefused(call, Code.ABORTED, "BatchDelete with a stale etag");
    expectSame(resource, await client.get(client.nameOf(one)), one, "the first one");
    await client.batchDelete(requests(client.etagOf(now)));
    await expectRefused(client.get(client.nameOf(one)), Code.NOT_FOUND, "Get after BatchDelete");
  },
};

/** The laws of etags. */
export const ETAG_LAWS: readonly Law[] = [
  changes,
  guardsUpdate,
  guardsDelete,
  guardsBatchUpdate,
  guardsBatchDelete,
];

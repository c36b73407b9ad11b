// Writers that send Creates, Updates, Deletes and batches as fast as they are answered, and note each
// call before it is sent and after it is answered.

import { status as Code, type ServiceError } from "@grpc/grpc-js";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import {
  biographyOf,
  type History,
  type Item,
  memberName,
  noteAcknowledged,
  noteSent,
  type WriteKind,
} from "./history.ts";
import type { Random } from "./random.ts";
import { type Answer, call, openChannel } from "./rpc.ts";

export interface LoadOptions {
  readonly address: string;
  readonly history: History;
  readonly random: Random;
  /** What the ids of new items begin with; no other load of the same history has it. */
  readonly prefix: string;
  /** The load ends after so many calls; without it, when it is told to. */
  readonly writesMax?: number;
  /** Called before a call is sent. */
  readonly onSent?: (item: Item, kind: WriteKind) => void;
  /** Called as soon as a call is answered with OK. */
  readonly onAcknowledged?: (item: Item, revision: bigint) => void;
}

/** Calls that are on their way. */
export interface Load {
  /** Lets each writer end its call and send no other. */
  stop(): void;
  /** Resolves when all writers have ended; the items whose last call was not answered. */
  readonly ended: Promise<readonly Item[]>;
}

const CONNECTIONS = 4;
const WRITERS = 16;
const BATCH_SIZE = 5;
const { method } = ArtistService;

/** Starts the writers on connections that are open already. */
export async function startLoad(options: LoadOptions): Promise<Load> {
  const { address, history, random } = options;
  const channels = Array.from({ length: CONNECTIONS }, () => openChannel(address));
  await Promise.all(channels.map((each) => call(each, method.listArtists, { pageSize: 1 })));
  // An item that a writer works on is not in the pool.
  const pool = [...history.items.values()].filter(isAlive);
  const unanswered: Item[] = [];
  let writesLeft = options.writesMax ?? Number.POSITIVE_INFINITY;
  let items = 0;

  function chooseItem(): Item {
    if (pool.length > WRITERS && random.chance(0.6)) {
      // The newest often, so that the row with the highest id is deleted too.
      const index = random.chance(0.3) ? pool.length - 1 : random.below(pool.length);
      const [item] = pool.splice(index, 1);
      if (item) return item;
    }
    items += 1;
    const size = random.chance(0.3) ? BATCH_SIZE : 1;
    return { id: `${options.prefix}n${items}`, size, writes: [], names: [] };
  }

  async function work(writer: number): Promise<void> {
    const channel = channels[writer % CONNECTIONS] as (typeof channels)[number];
    while (writesLeft > 0) {
      writesLeft -= 1;
      const chosen = chooseItem();
      const kind = chooseKind(chosen, random);
      const item = noteSent(history, chosen.id, chosen.size, kind);
      options.onSent?.(item, kind);
      try {
        const { revision, names } = await send(channel, item, kind);
        noteAcknowledged(history, item, revision, names);
        options.onAcknowledged?.(item, revision);
      } catch (error) {
        if (!isCutOff(error)) throw error;
        unanswered.push(item);
        return;
      }
      if (isAlive(item)) pool.push(item);
    }
  }

  const ended = Promise.all(Array.from({ length: WRITERS }, (_, writer) => work(writer)))
    .finally(() => {
      for (const channel of channels) channel.close();
    })
    .then(() => unanswered);
  // Whoever waits for it is told; it may fail before.
  ended.catch(() => {});
  return {
    stop: () => {
      writesLeft = 0;
    },
    ended,
  };
}

function isAlive({ writes }: Item): boolean {
  return writes.at(-1)?.kind !== "delete";
}

function chooseKind({ writes }: Item, random: Random): WriteKind {
  if (writes.length === 0) return "create";
  return random.chance(0.4) ? "delete" : "update";
}

/** No answer tells whether the write was carried out; any other failure of these calls is an error. */
function isCutOff(error: unknown): boolean {
  const { code } = error as ServiceError;
  return code === Code.UNAVAILABLE || code === Code.CANCELLED;
}

type Channel = ReturnType<typeof openChannel>;

/** Sends the last write of an item: a call by itself for one artist, a batch for several. */
async function send(channel: Channel, item: Item, kind: WriteKind) {
  const number = item.writes.length - 1;
  const requests = Array.from({ length: item.size }, (_, member) => {
    const displayName = memberName(item, member);
    const name = item.names[member] ?? "";
    return {
      name,
      artist: { name, displayName, biography: biographyOf(displayName, number) },
      updateMask: { paths: ["biography"] },
    };
  });
  const [first] = requests;
  const isSingle = first !== undefined && requests.length === 1;
  switch (kind) {
    case "create": {
      const creates = requests.map(({ artist }) => ({ artist }));
      return isSingle
        ? named(await call(channel, method.createArtist, { artist: first.artist }))
        : named(await call(channel, method.batchCreateArtists, { requests: creates }));
    }
    case "update": {
      const updates = requests.map(({ artist, updateMask }) => ({ artist, updateMask }));
      return isSingle
        ? named(await call(channel, method.updateArtist, first))
        : named(await call(channel, method.batchUpdateArtists, { requests: updates }));
    }
    case "delete": {
      const deletes = requests.map(({ name }) => ({ name }));
      return isSingle
        ? named(await call(channel, method.deleteArtist, { name: first.name }))
        : named(await call(channel, method.batchDeleteArtists, { requests: deletes }));
    }
  }
}

/** The revision of an answer and the names of the artists in it, if it has any. */
function named({ message, revision }: Answer<object>) {
  const { artists, name } = message as { artists?: { name: string }[]; name?: string };
  const single = name === undefined ? [] : [name];
  return { revision, names: artists?.map((each) => each.name) ?? single };
}

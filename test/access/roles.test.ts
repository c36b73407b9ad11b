// Who may call what: every method that is served, with every kind of credentials. What a method needs is
// told here once more, by its name alone.

import type { DescMethod } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { PlaylistService } from "../../gen/chinook/v1/playlist_pb.ts";
import { SalesService } from "../../gen/chinook/v1/sales_service_pb.ts";
import { TrackService } from "../../gen/chinook/v1/track_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { Health } from "../../gen/health/v1/health_pb.ts";
import { DatabaseService } from "../../gen/protostore/v1/database_service_pb.ts";
import { StoreService } from "../../gen/protostore/v1/store_service_pb.ts";
import { CHINOOK_RESOURCES } from "../../src/chinook/resources.ts";
import type { Role } from "../../src/config.ts";
import { statusOf } from "../grpc/support.ts";
import { startTestService } from "../support/service.ts";
import { openClient, refusalOf, tokenFile } from "./support.ts";

const SERVICES = [
  ...CHINOOK_RESOURCES.resources.map(({ service }) => service),
  SalesService,
  StoreService,
  DatabaseService,
  Health,
  ServerReflection,
];

const RANKS: readonly (Role | "none")[] = ["none", "reader", "writer", "admin"];

function neededBy({ name, parent }: DescMethod): Role | "none" {
  if (parent.typeName === Health.typeName) return "none";
  if (parent.typeName === ServerReflection.typeName) return "reader";
  if (parent.typeName === DatabaseService.typeName) return "admin";
  return /^(Get|List|BatchGet|Search|Summarize|Export)/.test(name) ? "reader" : "writer";
}

/** Health.Watch ends with the server. */
const METHODS = SERVICES.flatMap(({ methods }): readonly DescMethod[] => methods).filter(
  (method) => method !== Health.method.watch,
);

test("every method is for who has its role, and for nobody else", async () => {
  const { file, texts } = tokenFile({
    reader: { role: "reader" },
    writer: { role: "writer" },
    admin: { role: "admin" },
  });
  const access = { access: { tokens: file }, reflection: "authenticated" } as const;
  const client = openClient((await startTestService({ access })).address);
  expect(METHODS.length).toBeGreaterThan(70);
  for (const method of METHODS) {
    const needed = neededBy(method);
    const what = `${method.parent.typeName}/${method.name}`;
    const anonymous = await refusalOf(client, method);
    expect(anonymous?.code === status.UNAUTHENTICATED, what).toBe(needed !== "none");
    for (const [role, text] of Object.entries(texts)) {
      const refusal = await refusalOf(client, method, `Bearer ${text}`);
      const may = RANKS.indexOf(role as Role) >= RANKS.indexOf(needed);
      expect(refusal?.code === status.PERMISSION_DENIED, `${what} as ${role}`).toBe(!may);
      expect(refusal?.code, what).not.toBe(status.UNAUTHENTICATED);
      if (refusal?.code !== status.PERMISSION_DENIED) continue;
      expect(statusOf(refusal).errorInfo).toMatchObject({
        reason: "PERMISSION_DENIED",
        domain: "chinook.example.com",
        metadata: { principal: `token:${role}`, role, required_role: needed },
      });
    }
  }
});

test("a token may be for some methods, or for some types of resources", async () => {
  const { file, texts } = tokenFile({
    one: { role: "admin", methods: ["chinook.v1.TrackService/GetTrack"] },
    service: { role: "admin", methods: ["chinook.v1.TrackService/*"] },
    type: { role: "admin", resourceTypes: ["chinook.example.com/Track"] },
    both: {
      role: "admin",
      methods: ["chinook.v1.TrackService/*", "chinook.v1.ArtistService/*"],
      resourceTypes: ["chinook.example.com/Artist"],
    },
    readOnlyTracks: { role: "reader", resourceTypes: ["chinook.example.com/Track"] },
  });
  const client = openClient(
    (await startTestService({ access: { access: { tokens: file } } })).address,
  );
  const { getTrack, deleteTrack } = TrackService.method;
  const methods = {
    getTrack,
    deleteTrack,
    getArtist: ArtistService.method.getArtist,
    addPlaylistTracks: PlaylistService.method.addPlaylistTracks,
    export: StoreService.method.export,
    getDatabaseStatus: DatabaseService.method.getDatabaseStatus,
    check: Health.method.check,
  };
  const may: Readonly<Record<keyof typeof texts, readonly (keyof typeof methods)[]>> = {
    one: ["getTrack", "check"],
    service: ["getTrack", "deleteTrack", "check"],
    type: ["getTrack", "deleteTrack", "check"],
    both: ["getArtist", "check"],
    readOnlyTracks: ["getTrack", "check"],
  };
  for (const [token, text] of Object.entries(texts)) {
    const allowed: string[] = [];
    for (const [name, method] of Object.entries(methods)) {
      const refusal = await refusalOf(client, method, `Bearer ${text}`);
      if (refusal?.code !== status.PERMISSION_DENIED) allowed.push(name);
    }
    expect(allowed.sort(), token).toEqual([...may[token as keyof typeof texts]].sort());
  }
});

/**
 * Invitations and tickets: made into a folder, good once, for a time.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as TestClock from "effect/testing/TestClock"
import * as LoadConfig from "../../../src/cli/shared/LoadConfig.ts"
import {
  noPeers,
  PeerError,
  Peers,
  type PeersShape,
  type PeerView,
} from "../../../src/cluster/Peers.ts"
import * as RelayConfig from "../../../src/domain/config/RelayConfig.ts"
import type { ServerName } from "../../../src/domain/ServerName.ts"
import type { Tripcode } from "../../../src/domain/Tripcode.ts"
import * as Ticket from "../../../src/protocol/link/Ticket.ts"
import { AuditLog } from "../../../src/relay/audit/AuditLog.ts"
import * as Approval from "../../../src/relay/registry/Approval.ts"
import * as Invitations from "../../../src/relay/registry/Invitations.ts"
import * as Tickets from "../../../src/relay/registry/Tickets.ts"
import { RelaySettings } from "../../../src/relay/settings/RelaySettings.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const attic = "attic" as ServerName
const tripcode = `${"A".repeat(42)}E=` as Tripcode
const other = `${"B".repeat(42)}E=` as Tripcode

const withFolder = <A, E>(
  use: (folder: string) => Effect.Effect<A, E, FileSystem.FileSystem>,
): Effect.Effect<A, E> =>
  Effect.suspend(() => use(join(temporaryFolder(), "servers.d"))).pipe(
    Effect.provide(NodeFileSystem.layer),
  )

const registered = (name: string, of: Tripcode): RelayConfig.RelayConfig => ({
  ...RelayConfig.empty,
  servers: [{ ...RelayConfig.plainServer, name: name as ServerName, tripcodes: [of] }],
})

describe("an invitation", () => {
  it.effect("is taken once, by whoever has its ticket", () =>
    withFolder((folder) =>
      Effect.gen(function* () {
        const { name, ticket } = yield* Invitations.invite(folder, RelayConfig.empty, "attic")
        assert.strictEqual(Ticket.nameOf(ticket), name)
        assert.notInclude(readFileSync(join(folder, ".invitation-attic.json"), "utf8"), ticket)
        const made = Ticket.digest(Ticket.make(name))
        assert.isUndefined(yield* Invitations.take(folder, name, made))
        const digest = Ticket.digest(ticket)
        const taken = yield* Effect.all(
          [Invitations.take(folder, name, digest), Invitations.take(folder, name, digest)],
          { concurrency: 2 },
        )
        assert.lengthOf(
          taken.filter((one) => one !== undefined),
          1,
        )
        assert.deepStrictEqual(readdirSync(folder), [])
      }),
    ),
  )

  it.effect("can be put back when the registration fails", () =>
    withFolder((folder) =>
      Effect.gen(function* () {
        const { ticket } = yield* Invitations.invite(folder, RelayConfig.empty, "attic")
        const taken = yield* Invitations.take(folder, attic, Ticket.digest(ticket))
        yield* taken?.putBack ?? Effect.void
        assert.isDefined(yield* Invitations.take(folder, attic, Ticket.digest(ticket)))
      }),
    ),
  )

  it.effect("is removed and good for nothing once it has expired", () =>
    withFolder((folder) =>
      Effect.gen(function* () {
        const options = { millis: 60_000 }
        const { ticket } = yield* Invitations.invite(folder, RelayConfig.empty, "attic", options)
        yield* TestClock.adjust(60_000)
        assert.isUndefined(yield* Invitations.take(folder, attic, Ticket.digest(ticket)))
        assert.deepStrictEqual(readdirSync(folder), [])
      }),
    ),
  )

  it.effect("takes the place of an earlier one for the same name", () =>
    withFolder((folder) =>
      Effect.gen(function* () {
        const first = yield* Invitations.invite(folder, RelayConfig.empty, "attic")
        yield* Invitations.invite(folder, RelayConfig.empty, "attic")
        assert.isUndefined(yield* Invitations.take(folder, attic, Ticket.digest(first.ticket)))
      }),
    ),
  )

  it.effect("is refused for a registered name and for a text that is no name", () =>
    withFolder((folder) =>
      Effect.gen(function* () {
        const taken = registered("attic", tripcode)
        const again = yield* Effect.flip(Invitations.invite(folder, taken, "attic"))
        assert.strictEqual(again.code, "PTTH_ALREADY_REGISTERED")
        const bad = yield* Effect.flip(Invitations.invite(folder, RelayConfig.empty, "../x"))
        assert.strictEqual(bad.code, "PTTH_BAD_APPROVAL")
      }),
    ),
  )

  it.effect("may replace a key that is in the server's own file, and only there", () =>
    withFolder((folder) =>
      Effect.gen(function* () {
        const config = registered("attic", tripcode)
        const replaces = { replaces: true }
        const elsewhere = yield* Effect.flip(Invitations.invite(folder, config, "attic", replaces))
        assert.strictEqual(elsewhere.code, "PTTH_CANNOT_APPROVE")
        yield* Approval.approve(folder, RelayConfig.empty, "attic", tripcode)
        const file = join(folder, "attic.toml")
        writeFileSync(file, `${readFileSync(file, "utf8")}max_links = 3\n`)
        const { ticket } = yield* Invitations.invite(folder, config, "attic", replaces)
        const taken = yield* Invitations.take(folder, attic, Ticket.digest(ticket))
        assert.isTrue(taken?.replaces)
        assert.isTrue(Ticket.wantsNewKey(ticket))
        yield* Approval.replaceKey(folder, attic, other)
        assert.strictEqual(
          readFileSync(file, "utf8"),
          `[[servers]]\nname = "attic"\ntripcode = "${other}"\nmax_links = 3\n`,
        )
      }),
    ),
  )
})

type Handler = (message: never, from: string) => Effect.Effect<unknown, string>

/** What the relays of a test answer each other, by their ids. */
type Cluster = Map<string, Map<string, Handler>>

/** The peers of one of them. */
const peersIn = (cluster: Cluster, id: string): PeersShape => {
  const handlers = new Map<string, Handler>()
  cluster.set(id, handlers)
  const viewOf = (other: string) => ({ id: other, machine: other, state: "up" }) as PeerView
  return {
    ...noPeers,
    self: { ...noPeers.self, id, machine: id },
    isAlone: false,
    list: () => [...cluster.keys()].filter((other) => other !== id).map(viewOf),
    onControl: (kind, handler) => void handlers.set(kind.kind, handler as Handler),
    ask: (to, kind, message) => {
      const answer = cluster.get(to)?.get(kind.kind)?.(message as never, id)
      const lost = new PeerError({ reason: "failed", peer: to, detail: "no answer" })
      return (answer ?? Effect.fail("")).pipe(Effect.mapError(() => lost)) as never
    },
  }
}

/** The tickets of a relay that keeps its servers in a folder. */
const ticketsOf = (cluster: Cluster, id: string) =>
  Effect.gen(function* () {
    const folder = temporaryFolder()
    const file = join(folder, "ptth_relay.toml")
    writeFileSync(file, "")
    const fs = yield* FileSystem.FileSystem
    const load = LoadConfig.loadRelay({
      configPath: Option.some(file),
      overrides: [],
      env: {},
    }).pipe(
      Effect.map(({ config }) => config),
      Effect.provideService(FileSystem.FileSystem, fs),
    )
    const serversFolder = LoadConfig.serversFolder(file)
    const initial = yield* load
    const context = yield* Layer.build(
      Layer.mergeAll(
        AuditLog.layer,
        RelaySettings.layerWatched({ path: file, serversFolder, load, initial }),
      ),
    )
    const audit = Context.get(context, AuditLog)
    const settings = Context.get(context, RelaySettings)
    return yield* Effect.gen(function* () {
      return {
        invite: yield* Tickets.makeInvite,
        redeem: yield* Tickets.makeRedeem,
        /** Removes a server by hand. */
        remove: (name: string) => {
          rmSync(join(serversFolder, `${name}.toml`))
          return settings.reload
        },
        events: () => audit.entries().map(({ event }) => event._tag),
        tripcodes: (name: string) => settings.derived().servers.get(name)?.tripcodes,
      }
    }).pipe(Effect.provideService(Peers, peersIn(cluster, id)), Effect.provideContext(context))
  })

describe("the tickets of a relay", () => {
  it.live("register whoever has one, at all relays that serve as one", () =>
    Effect.gen(function* () {
      const cluster: Cluster = new Map()
      const one = yield* ticketsOf(cluster, "one")
      const two = yield* ticketsOf(cluster, "two")
      const three = yield* ticketsOf(cluster, "three")
      const { ticket } = yield* one.invite("attic", "ann")
      assert.isFalse(yield* two.redeem("attic", Ticket.make(attic), tripcode))
      assert.isFalse(yield* two.redeem("cellar", ticket, tripcode))
      assert.isTrue(yield* two.redeem("attic", ticket, tripcode))
      for (const { tripcodes } of [one, two, three])
        assert.deepStrictEqual(tripcodes("attic"), [tripcode])
      assert.isFalse(yield* one.redeem("attic", ticket, other))
      assert.deepStrictEqual(one.events(), ["ServerInvited", "ServerApproved"])
      assert.deepStrictEqual(two.events(), ["ServerApproved"])
    }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)),
  )

  it.live("replace a key where they were made for that", () =>
    Effect.gen(function* () {
      const cluster: Cluster = new Map()
      const one = yield* ticketsOf(cluster, "one")
      const two = yield* ticketsOf(cluster, "two")
      const first = yield* one.invite("attic", "ann")
      assert.isTrue(yield* one.redeem("attic", first.ticket, tripcode))
      const { ticket } = yield* one.invite("attic", "ann", { replaces: true })
      assert.isTrue(yield* two.redeem("attic", ticket, other))
      for (const { tripcodes } of [one, two]) assert.deepStrictEqual(tripcodes("attic"), [other])
    }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)),
  )

  it.live("do not register a server anew that was removed since they were made for its key", () =>
    Effect.gen(function* () {
      const one = yield* ticketsOf(new Map(), "one")
      const first = yield* one.invite("attic", "ann")
      assert.isTrue(yield* one.redeem("attic", first.ticket, tripcode))
      const { ticket } = yield* one.invite("attic", "ann", { replaces: true })
      yield* one.remove("attic")
      assert.isFalse(yield* one.redeem("attic", ticket, other))
      assert.isUndefined(one.tripcodes("attic"))
    }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)),
  )
})

describe("a ticket", () => {
  it("is for the name in it, and anything else is no ticket", () => {
    assert.strictEqual(Ticket.nameOf(Ticket.make(attic)), attic)
    assert.isFalse(Ticket.wantsNewKey(Ticket.make(attic)))
    const replacing = Ticket.make(attic, true)
    assert.strictEqual(Ticket.nameOf(replacing), attic)
    assert.isTrue(Ticket.wantsNewKey(replacing))
    for (const text of [
      "",
      "attic",
      "attic.",
      "attic.new.",
      `.${"A".repeat(22)}`,
      `attic.${"A".repeat(23)}`,
    ])
      assert.isUndefined(Ticket.nameOf(text))
  })
})

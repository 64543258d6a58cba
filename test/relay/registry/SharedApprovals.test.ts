/**
 * Approvals of several relays, each with a folder of its own, through an engine in memory that can
 * be away or empty.
 */
import * as fs from "node:fs"
import { join } from "node:path"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as LoadConfig from "../../../src/cli/shared/LoadConfig.ts"
import { Engine } from "../../../src/cluster/engine/Engine.ts"
import { tripcodeOfText } from "../../../src/domain/ApiKey.ts"
import * as Approval from "../../../src/relay/registry/Approval.ts"
import * as ServerEdit from "../../../src/relay/registry/ServerEdit.ts"
import * as SharedApprovals from "../../../src/relay/registry/SharedApprovals.ts"
import { RelaySettings } from "../../../src/relay/settings/RelaySettings.ts"
import { EngineStore, MemoryEngine } from "../../support/MemoryEngine.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const tripcode = tripcodeOfText("the key of attic")
const other = tripcodeOfText("another key of attic")

const store = Effect.map(
  Clock.Clock,
  (clock) => new EngineStore(() => clock.currentTimeMillisUnsafe()),
)

/** Starts a relay in a folder, with its files and its connection to the engine. */
const relay = Effect.fnUntraced(function* (engines: EngineStore, folder: string) {
  const file = join(folder, "ptth_relay.toml")
  if (!fs.existsSync(file)) fs.writeFileSync(file, "")
  const engine = new MemoryEngine(engines)
  const scope = yield* Scope.fork(yield* Effect.scope)
  const services = yield* Layer.build(NodeFileSystem.layer)
  const load = LoadConfig.loadRelay({ configPath: Option.some(file), overrides: [], env: {} }).pipe(
    Effect.map(({ config }) => config),
    Effect.provideService(FileSystem.FileSystem, Context.get(services, FileSystem.FileSystem)),
  )
  const serversFolder = LoadConfig.serversFolder(file)
  const initial = yield* load
  const built = yield* SharedApprovals.layer.pipe(
    Layer.provideMerge(RelaySettings.layerWatched({ path: file, serversFolder, load, initial })),
    Layer.provide(Layer.succeed(Engine, engine.shape)),
    Layer.provide(NodeFileSystem.layer),
    Layer.buildWithScope(scope),
  )
  const settings = Context.get(built, RelaySettings)
  const path = join(serversFolder, "attic.toml")
  return {
    engine,
    path,
    reload: settings.reload,
    /** As an administrator does. */
    approve: (key = tripcode) =>
      Approval.approve(serversFolder, settings.current(), "attic", key).pipe(
        Effect.provide(NodeFileSystem.layer),
        Effect.andThen(settings.reload),
      ),
    remove: Effect.andThen(
      Effect.sync(() => fs.rmSync(path)),
      settings.reload,
    ),
    registered: () => settings.derived().servers.get("attic")?.tripcodes,
    /** As the administrator's pages change the file. */
    edit: (kind: "pause" | "resume") =>
      Effect.andThen(
        Effect.sync(() => {
          const text = ServerEdit.edit(fs.readFileSync(path, "utf8"), "attic", { kind })
          fs.writeFileSync(path, text ?? "")
        }),
        settings.reload,
      ),
    isPaused: () => settings.derived().servers.get("attic")?.paused,
    stop: Scope.close(scope, Exit.void),
  }
})

/** Waits until something is so; a test that waits for ever fails by its time-out. */
const until = (isSo: () => boolean) =>
  Effect.sleep("10 millis").pipe(Effect.repeat({ until: () => Effect.sync(isSo) }))

describe("approvals of a cluster", () => {
  it.live("reach all relays, and so do removals", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const one = yield* relay(engines, temporaryFolder())
      const two = yield* relay(engines, temporaryFolder())
      yield* one.approve()
      yield* until(() => two.registered()?.[0] === tripcode)
      assert.strictEqual(fs.readFileSync(two.path, "utf8"), Approval.toToml("attic", tripcode))
      yield* two.remove
      yield* until(() => one.registered() === undefined)
      assert.isFalse(fs.existsSync(one.path))
    }).pipe(Effect.scoped),
  )

  it.live("are not brought back by a relay that was away when they were removed", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const folder = temporaryFolder()
      const one = yield* relay(engines, temporaryFolder())
      const two = yield* relay(engines, folder)
      yield* one.approve()
      yield* until(() => two.registered() !== undefined)
      yield* two.stop
      yield* one.remove
      yield* until(
        () =>
          (engines.get<Map<string, string>>("approvals")?.get("attic") ?? "tripcode").includes(
            "tripcode",
          ) === false,
      )
      // The engine has lost everything, too.
      engines.clear()
      const again = yield* relay(engines, folder)
      yield* until(() => again.registered() === undefined)
      assert.isFalse(fs.existsSync(again.path))
      assert.isUndefined(one.registered())
    }).pipe(Effect.scoped),
  )

  it.live("are paused and resumed at all relays, also at one that was away meanwhile", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const folder = temporaryFolder()
      const one = yield* relay(engines, temporaryFolder())
      const two = yield* relay(engines, temporaryFolder())
      const away = yield* relay(engines, folder)
      yield* one.approve()
      yield* until(() => away.isPaused() === false && two.isPaused() === false)
      yield* until(() => fs.existsSync(join(folder, "servers.d/.approvals.json")))
      yield* away.stop
      yield* one.edit("pause")
      yield* until(() => two.isPaused() === true)
      const again = yield* relay(engines, folder)
      yield* until(() => again.isPaused() === true)
      yield* again.edit("resume")
      yield* until(() => one.isPaused() === false && two.isPaused() === false)
      assert.strictEqual(fs.readFileSync(two.path, "utf8"), Approval.toToml("attic", tripcode))
    }).pipe(Effect.scoped),
  )

  it.live("are resumed on a machine whose clock is behind that of the one that paused", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const one = yield* relay(engines, temporaryFolder())
      const two = yield* relay(engines, temporaryFolder())
      yield* one.approve()
      yield* until(() => two.isPaused() === false)
      const ahead = engines.now() + 30 * 60_000
      const paused = JSON.stringify({ at: ahead, value: { tripcode, paused: true } })
      engines.set("approvals", new Map([["attic", paused]]), 60_000)
      engines.publish("approvals", "changed")
      yield* until(() => one.isPaused() === true && two.isPaused() === true)
      yield* one.edit("resume")
      yield* until(() => two.isPaused() === false)
      assert.isFalse(one.isPaused())
    }).pipe(Effect.scoped),
  )

  it.live("stay with every relay when the engine is gone, and fill it when it is back", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const one = yield* relay(engines, temporaryFolder())
      yield* one.approve()
      yield* until(() => engines.get("approvals") !== undefined)
      one.engine.away()
      engines.clear()
      assert.isDefined(one.registered())
      one.engine.back()
      const two = yield* relay(engines, temporaryFolder())
      yield* until(() => two.registered()?.[0] === tripcode)
    }).pipe(Effect.scoped),
  )

  it.live("follow what was changed while the relay was stopped", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const folder = temporaryFolder()
      const one = yield* relay(engines, temporaryFolder())
      const two = yield* relay(engines, folder)
      yield* two.approve()
      yield* until(() => one.registered() !== undefined)
      yield* until(() => fs.existsSync(join(folder, "servers.d/.approvals.json")))
      yield* two.stop
      fs.rmSync(two.path)
      yield* relay(engines, folder)
      yield* until(() => one.registered() === undefined)
    }).pipe(Effect.scoped),
  )

  it.live("leave the operator's own entry as it is", () =>
    Effect.gen(function* () {
      const engines = yield* store
      const folder = temporaryFolder()
      const own = `[[servers]]\nname = "attic"\ntripcode = "${other}"\nmax_links = 3\n`
      fs.writeFileSync(join(folder, "ptth_relay.toml"), own)
      const one = yield* relay(engines, folder)
      const two = yield* relay(engines, temporaryFolder())
      const three = yield* relay(engines, temporaryFolder())
      yield* two.approve()
      yield* until(() => three.registered() !== undefined)
      assert.deepStrictEqual(one.registered(), [other])
      // The operator adds a limit to the file: that is no removal.
      fs.writeFileSync(two.path, `${Approval.toToml("attic", tripcode)}max_links = 3\n`)
      yield* two.reload
      yield* two.approve(tripcodeOfText("of nobody")).pipe(Effect.flip)
      assert.isDefined(three.registered())
    }).pipe(Effect.scoped),
  )
})

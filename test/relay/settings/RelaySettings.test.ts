/**
 * The configuration follows its file, and a bad file changes nothing.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import type { ConfigError } from "../../../src/domain/config/ConfigError.ts"
import * as RelayConfig from "../../../src/domain/config/RelayConfig.ts"
import { RelaySettings } from "../../../src/relay/settings/RelaySettings.ts"
import { pollInterval, quietPeriod } from "../../../src/relay/settings/ReloadTriggers.ts"

const server = (name: string): string =>
  `[[servers]]\nname = "${name}"\ntripcode = "A9rPwZyY89Ag4TJjMoyYA2NeGOm99Je6rq1s0rg8PfY="\n`

const decode = (text: string): Effect.Effect<RelayConfig.RelayConfig, ConfigError> =>
  Effect.suspend(() => Effect.fromResult(RelayConfig.decode(text, { file: "ptth_relay.toml" })))

const names = (config: RelayConfig.RelayConfig): ReadonlyArray<string> =>
  config.servers.map((one) => one.name)

/** A file that tests write by assignment, a watcher that they drive, and the log. */
const fake = () => {
  const lines: Array<string> = []
  const state = { text: "", reads: 0, ready: 0 }
  const watcher = Effect.runSync(Queue.unbounded<FileSystem.WatchEvent>())
  const logger = Logger.make<unknown, void>(({ message }) => {
    lines.push([message].flat().join(" "))
  })
  const layer = RelaySettings.layerWatched({
    path: "config/ptth_relay.toml",
    initial: RelayConfig.empty,
    load: Effect.suspend(() => {
      state.reads++
      return decode(state.text)
    }),
  }).pipe(
    Layer.provide(
      FileSystem.layerNoop({
        watch: (_path, options) =>
          Stream.suspend(() => {
            state.ready++
            options?.onReady?.()
            return Stream.fromQueue(watcher)
          }),
      }),
    ),
    Layer.provideMerge(Logger.layer([logger])),
  )
  return { lines, state, watcher, layer }
}

/** Lets everything run that can run without time passing. */
const settle = TestClock.adjust(Duration.zero)

it.effect("the file is read again every minute, and a change reaches current and changes", () => {
  const { layer, lines, state } = fake()
  return Effect.gen(function* () {
    const settings = yield* RelaySettings
    const heard = yield* settings.changes.pipe(Stream.take(2), Stream.runCollect, Effect.forkChild)
    yield* settle
    state.text = server("attic")
    yield* TestClock.adjust(Duration.subtract(pollInterval, Duration.millis(1)))
    assert.deepStrictEqual(names(settings.current()), [])
    yield* TestClock.adjust("1 millis")
    assert.deepStrictEqual(names(settings.current()), ["attic"])
    const configs = yield* Fiber.join(heard)
    assert.deepStrictEqual(configs.map(names), [[], ["attic"]])
    assert.deepStrictEqual(lines, ["config reloaded: servers registered: 1"])
  }).pipe(Effect.provide(layer))
})

it.effect("a bad file keeps the old configuration and is complained about once", () => {
  const { layer, lines, state } = fake()
  return Effect.gen(function* () {
    const settings = yield* RelaySettings
    state.text = server("attic")
    yield* TestClock.adjust(pollInterval)
    state.text = "[[servers]\n"
    yield* TestClock.adjust(Duration.times(pollInterval, 5))
    assert.deepStrictEqual(names(settings.current()), ["attic"])
    assert.strictEqual(state.reads, 6)
    assert.strictEqual(lines.length, 2)
    assert.include(lines[1], "PTTH_CONFIG_SYNTAX: ptth_relay.toml:1")

    state.text = "port = -1"
    yield* TestClock.adjust(pollInterval)
    assert.strictEqual(lines.length, 3)
    assert.include(lines[2], "PTTH_CONFIG_INVALID: ptth_relay.toml:1")

    state.text = server("cellar")
    yield* TestClock.adjust(pollInterval)
    assert.deepStrictEqual(names(settings.current()), ["cellar"])
    assert.strictEqual(lines[3], "config reloaded: servers registered: 1")

    state.text = "port = -1"
    yield* TestClock.adjust(pollInterval)
    assert.strictEqual(lines.length, 5)
  }).pipe(Effect.provide(layer))
})

it.effect("a repair that changes something ends the problem in the same status", () => {
  const { layer, state } = fake()
  return Effect.gen(function* () {
    const settings = yield* RelaySettings
    const heard = yield* settings.statuses.pipe(Stream.take(3), Stream.runCollect, Effect.forkChild)
    yield* settle
    state.text = "port = -1"
    yield* TestClock.adjust(pollInterval)
    state.text = server("attic")
    yield* TestClock.adjust(pollInterval)
    const statuses = yield* Fiber.join(heard)
    assert.deepStrictEqual(
      statuses.map(({ problem }) => problem !== undefined),
      [false, true, false],
    )
    assert.isAbove(statuses[2]?.since ?? 0, statuses[1]?.since ?? 0)
  }).pipe(Effect.provide(layer))
})

it.effect("a file that says the same in other words changes nothing", () => {
  const { layer, lines, state } = fake()
  return Effect.gen(function* () {
    yield* RelaySettings
    state.text = `trusted_proxies = ["10.0.0.0/8"]\n[dev_mode]\nx = { y = 1 }\n${server("attic")}`
    yield* TestClock.adjust(pollInterval)
    assert.strictEqual(lines.length, 1)
    state.text = `# the same\n${state.text}`
    yield* TestClock.adjust(pollInterval)
    assert.strictEqual(lines.length, 1)
  }).pipe(Effect.provide(layer))
})

it.effect("several steps of one save make one reading, after a quiet moment", () => {
  const { layer, state, watcher } = fake()
  return Effect.gen(function* () {
    const settings = yield* RelaySettings
    assert.strictEqual(state.ready, 1)
    state.text = server("attic")
    for (const _tag of ["Remove", "Create", "Update"] as const) {
      yield* Queue.offer(watcher, { _tag, path: "ptth_relay.toml" })
    }
    yield* Queue.offer(watcher, { _tag: "Update", path: "something.log" })
    yield* settle
    assert.strictEqual(state.reads, 0)
    yield* TestClock.adjust(quietPeriod)
    assert.strictEqual(state.reads, 1)
    assert.deepStrictEqual(names(settings.current()), ["attic"])
  }).pipe(Effect.provide(layer))
})

it.effect("other files of the folder do not matter", () => {
  const { layer, state, watcher } = fake()
  return Effect.gen(function* () {
    yield* RelaySettings
    yield* Queue.offer(watcher, { _tag: "Update", path: "ptth_relay.log" })
    yield* TestClock.adjust(Duration.times(quietPeriod, 2))
    assert.strictEqual(state.reads, 0)
  }).pipe(Effect.provide(layer))
})

it.effect("SIGHUP reads at once, and only as long as the relay runs", () => {
  const { layer, state } = fake()
  return Effect.gen(function* () {
    const before = process.listenerCount("SIGHUP")
    yield* Effect.gen(function* () {
      const settings = yield* RelaySettings
      state.text = server("attic")
      process.emit("SIGHUP")
      yield* settle
      assert.deepStrictEqual(names(settings.current()), ["attic"])
      assert.strictEqual(process.listenerCount("SIGHUP"), before + 1)
    }).pipe(Effect.provide(layer))
    assert.strictEqual(process.listenerCount("SIGHUP"), before)
  })
})

it.live("a real file that is replaced, as editors do it, is noticed", () =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const folder = yield* fs.makeTempDirectoryScoped()
    const path = `${folder}/ptth_relay.toml`
    yield* fs.writeFileString(path, server("attic"))
    const load = fs.readFileString(path).pipe(Effect.orDie, Effect.flatMap(decode))
    const initial = yield* load
    const settings = RelaySettings.layerWatched({ path, load, initial })
    yield* Effect.gen(function* () {
      const { changes } = yield* RelaySettings
      const next = yield* changes.pipe(
        Stream.filter((config) => names(config)[0] === "cellar"),
        Stream.runHead,
        Effect.forkChild,
      )
      yield* fs.writeFileString(`${path}.new`, server("cellar"))
      yield* fs.rename(`${path}.new`, path)
      const config = yield* Fiber.join(next)
      assert.strictEqual(config._tag, "Some")
    }).pipe(Effect.provide(settings))
  }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)),
)

it.live("a folder of servers that appears later is noticed, and what is added to it", () =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const folder = yield* fs.makeTempDirectoryScoped()
    const serversFolder = `${folder}/servers.d`
    const load = Effect.gen(function* () {
      const files = yield* fs.readDirectory(serversFolder).pipe(Effect.orElseSucceed(() => []))
      const parts = yield* Effect.forEach(files, (file) =>
        Effect.map(fs.readFileString(`${serversFolder}/${file}`), (text) => ({ file, text })),
      ).pipe(Effect.orDie)
      return yield* Effect.fromResult(RelayConfig.decode("", { parts }))
    })
    const path = `${folder}/ptth_relay.toml`
    const settings = RelaySettings.layerWatched({
      path,
      serversFolder,
      load,
      initial: RelayConfig.empty,
    })
    yield* Effect.gen(function* () {
      const { changes } = yield* RelaySettings
      const until = (wanted: ReadonlyArray<string>) =>
        changes.pipe(
          Stream.filter((config) => names(config).join() === wanted.join()),
          Stream.runHead,
        )
      yield* fs.makeDirectory(serversFolder)
      yield* fs.writeFileString(`${serversFolder}/attic.toml`, server("attic"))
      yield* until(["attic"])
      yield* fs.writeFileString(`${serversFolder}/cellar.toml`, server("cellar"))
      yield* until(["attic", "cellar"])
      yield* fs.remove(`${serversFolder}/attic.toml`)
      yield* until(["cellar"])
    }).pipe(Effect.provide(settings))
  }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)),
)

it.effect("asking to reload reads at once, and the status says what is wrong since when", () => {
  const { layer, state } = fake()
  return Effect.gen(function* () {
    const settings = yield* RelaySettings
    assert.deepStrictEqual(settings.status(), {
      path: "config/ptth_relay.toml",
      serversFolder: undefined,
      since: 0,
      problem: undefined,
    })
    yield* TestClock.adjust("1 seconds")
    state.text = "port = -1"
    yield* settings.reload
    assert.strictEqual(settings.status().since, 0)
    assert.strictEqual(settings.status().problem?.at, 1000)
    assert.include(settings.status().problem?.message, "PTTH_CONFIG_INVALID: ptth_relay.toml:1")
    yield* TestClock.adjust("1 seconds")
    state.text = server("attic")
    yield* settings.reload
    assert.strictEqual(settings.status().since, 2000)
    assert.isUndefined(settings.status().problem)
    assert.deepStrictEqual(names(settings.current()), ["attic"])
  }).pipe(Effect.provide(layer))
})

it.effect("a static configuration is the one in force and the only one", () =>
  Effect.gen(function* () {
    const config = Result.getOrThrow(RelayConfig.decode(server("attic")))
    yield* Effect.gen(function* () {
      const settings = yield* RelaySettings
      assert.strictEqual(settings.current(), config)
      const seen: Array<RelayConfig.RelayConfig> = []
      yield* settings.changes.pipe(
        Stream.runForEach((one) => Effect.sync(() => seen.push(one))),
        Effect.forkChild,
      )
      yield* TestClock.adjust(Duration.times(pollInterval, 3))
      assert.deepStrictEqual(seen, [config])
    }).pipe(Effect.provide(RelaySettings.layerStatic(config)))
  }),
)

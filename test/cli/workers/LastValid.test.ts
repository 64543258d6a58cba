/**
 * A worker's configuration when the files are invalid, with a supervisor that
 * answers or does not.
 */
import * as fs from "node:fs"
import { join } from "node:path"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { TestClock } from "effect/testing"
import * as RunRelay from "../../../src/cli/run/RunRelay.ts"
import { sameTls, sameTlsAsFirst } from "../../../src/cli/run/SameTls.ts"
import * as LastValid from "../../../src/cli/workers/LastValid.ts"
import type { WorkerChannel } from "../../../src/cli/workers/WorkerChannel.ts"
import * as WorkerMessage from "../../../src/cli/workers/WorkerMessage.ts"
import { speaksTls } from "../../../src/domain/config/RelayConfig.ts"
import * as Proxies from "../../support/Proxies.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const server = `[[servers]]
name = "attic"
tripcode = "A9rPwZyY89Ag4TJjMoyYA2NeGOm99Je6rq1s0rg8PfY="
`

/** The channel to a supervisor that answers after it has been asked, if it has an answer. */
const channelTo = (answer?: () => WorkerMessage.ToWorker) => {
  const asked = Promise.withResolvers<void>()
  let tell = (_message: WorkerMessage.ToWorker): void => {}
  const channel: WorkerChannel = {
    send: (message) => {
      asked.resolve()
      assert.deepStrictEqual(WorkerMessage.fromWorker(message), { kind: "lastValid" })
      if (answer === undefined) return
      // As the IPC channel carries it.
      const received = WorkerMessage.toWorker(JSON.parse(JSON.stringify(answer())))
      if (received !== undefined) tell(received)
    },
    listen: (listener) => {
      tell = (message) => listener(message, undefined)
    },
    onGone: () => {},
  }
  return { channel, asked: asked.promise }
}

/** `deepStrictEqual` does not look into what is redacted. */
const keyOf = ({ config: { tls } }: RunRelay.RelayStart): string | undefined =>
  tls && Redacted.value(tls.key)

const sourcesOf = (file: string) => ({
  configPath: Option.some(file),
  overrides: [],
  env: { PTTH_RELAY_MAX_FIELDS: "50" },
})

describe("a worker whose configuration is invalid", () => {
  const hasOpenssl = Proxies.isInstalled("openssl")

  it.effect.skipIf(!hasOpenssl)(
    `takes file, servers.d and certificate as its supervisor last loaded them${hasOpenssl ? "" : " (skipped: openssl is not installed)"}`,
    () =>
      Effect.gen(function* () {
        const folder = temporaryFolder()
        const { cert, key } = yield* Proxies.certificate
        const own = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") }
        fs.copyFileSync(cert, own.cert)
        fs.copyFileSync(key, own.key)
        const file = join(folder, "ptth_relay.toml")
        fs.writeFileSync(file, `tls_cert = "${own.cert}"\ntls_key = "${own.key}"\n`)
        const part = join(folder, "servers.d", "attic.toml")
        fs.mkdirSync(join(folder, "servers.d"))
        fs.writeFileSync(part, server)
        const sources = sourcesOf(file)
        const supervisor = yield* RunRelay.loadStart(sources)
        assert.strictEqual(supervisor.config.servers.length, 1)
        const { channel } = channelTo(() => LastValid.answer(supervisor.lastValid()))
        for (const broken of [own.key, part, file]) {
          fs.writeFileSync(broken, "[")
          yield* Effect.flip(supervisor.load)
          const worker = yield* LastValid.loadStart(sources, channel, sameTls(true))
          assert.deepStrictEqual(worker.config, supervisor.config)
          assert.strictEqual(worker.path, file)
          assert.strictEqual(keyOf(worker), fs.readFileSync(key, "utf8"))
        }
      }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("takes what the supervisor has loaded since the start", () =>
    Effect.gen(function* () {
      const file = join(temporaryFolder(), "ptth_relay.toml")
      fs.writeFileSync(file, "")
      const sources = sourcesOf(file)
      const supervisor = yield* RunRelay.loadStart(sources)
      fs.writeFileSync(file, server)
      const reloaded = yield* supervisor.load
      fs.writeFileSync(file, "[")
      const { channel } = channelTo(() => LastValid.answer(supervisor.lastValid()))
      const worker = yield* LastValid.loadStart(sources, channel, sameTls(false))
      assert.strictEqual(worker.config.servers.length, 1)
      assert.deepStrictEqual(worker.config, reloaded)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("takes the cluster's keys that the supervisor has last loaded", () =>
    Effect.gen(function* () {
      const folder = temporaryFolder()
      const file = join(folder, "ptth_relay.toml")
      const keyFile = join(folder, "cluster.key")
      const key = "a-key-of-the-cluster-that-is-long-enough"
      fs.writeFileSync(keyFile, `${key}\n`, { mode: 0o600 })
      fs.writeFileSync(file, `[cluster]\nlisten = "127.0.0.1:4002"\nkey_file = "${keyFile}"\n`)
      const sources = sourcesOf(file)
      const supervisor = yield* RunRelay.loadStart(sources)
      fs.writeFileSync(keyFile, "short\n")
      yield* Effect.flip(supervisor.load)
      const { channel } = channelTo(() => LastValid.answer(supervisor.lastValid()))
      const worker = yield* LastValid.loadStart(sources, channel, sameTls(false))
      assert.deepStrictEqual(worker.lastValid().clusterKeys?.map(Redacted.value), [key])
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("speaks as the others do if TLS is switched on in the files", () =>
    Effect.gen(function* () {
      const file = join(temporaryFolder(), "ptth_relay.toml")
      fs.writeFileSync(file, server)
      const sources = sourcesOf(file)
      const supervisor = yield* RunRelay.loadStart(
        sources,
        sameTlsAsFirst(() => true),
      )
      fs.writeFileSync(
        file,
        `acme = "a@example.org"\npublic_url = "https://relay.example.com"\n${server}`,
      )
      const { message } = yield* Effect.flip(supervisor.load)
      assert.include(message, "TLS is switched on")
      const { channel } = channelTo(() => LastValid.answer(supervisor.lastValid()))
      const worker = yield* LastValid.loadStart(sources, channel, sameTls(false))
      assert.isFalse(speaksTls(worker.config))
      assert.strictEqual(worker.config.servers.length, 1)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("fails with the errors of its files if an older supervisor does not answer", () =>
    Effect.gen(function* () {
      const file = join(temporaryFolder(), "ptth_relay.toml")
      fs.writeFileSync(file, "[")
      const { asked, channel } = channelTo()
      const start = yield* Effect.forkChild(
        LastValid.loadStart(sourcesOf(file), channel, sameTls(false)),
      )
      yield* Effect.promise(() => asked)
      yield* TestClock.adjust("5 seconds")
      const { message } = yield* Effect.flip(Fiber.join(start))
      assert.include(message, `${file}:1`)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})

import * as fs from "node:fs"
import { join } from "node:path"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { checkCluster } from "../../../src/cli/shared/LoadCluster.ts"
import { loadRelay } from "../../../src/cli/shared/LoadConfig.ts"
import { program, RedisServer, skipNote } from "../../support/RedisServer.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const key = "k".repeat(40)

const fileWith = (text: string, mode = 0o600): string => {
  const path = join(temporaryFolder(), "cluster.key")
  fs.writeFileSync(path, text)
  fs.chmodSync(path, mode)
  return path
}

const check = (cluster: {
  readonly keyFile?: string
  readonly engine?: string
  readonly isUnnamed?: boolean
}) =>
  checkCluster(
    {
      id: undefined,
      listen: undefined,
      advertise: undefined,
      keyFile: cluster.keyFile,
      engine: cluster.engine,
      peers:
        cluster.engine === undefined && cluster.isUnnamed !== true
          ? [{ host: "10.0.0.2", port: 4002 }]
          : [],
      name: "test",
      spread: 4,
    },
    (row) => `ptth_relay.toml:${row}`,
  ).pipe(Effect.provide(NodeFileSystem.layer))

const messageOf = (cluster: Parameters<typeof check>[0]) =>
  Effect.map(Effect.flip(check(cluster)), ({ message }) => message)

describe("ptth check of a cluster", () => {
  it.live("takes a key file that only its owner and group can read", () =>
    Effect.gen(function* () {
      for (const mode of [0o600, 0o640, 0o400])
        yield* check({ keyFile: fileWith(`${key}\n`, mode) })
      for (const mode of [0o644, 0o660]) {
        const message = yield* messageOf({ keyFile: fileWith(key, mode) })
        assert.match(message, /^PTTH_CONFIG_EXPOSED: ptth_relay.toml:key_file: .* its mode is 06/)
      }
    }),
  )

  it.live("says what is wrong with a key file, without the key", () =>
    Effect.gen(function* () {
      const short = yield* messageOf({ keyFile: fileWith("too-short-a-key") })
      assert.include(short, "has a key of 15 characters in line 1; it needs 32")
      assert.include(short, "ptth keygen --cluster")
      assert.notInclude(short, "too-short-a-key")
      const missing = yield* messageOf({ keyFile: join(temporaryFolder(), "none") })
      assert.match(missing, /^PTTH_CONFIG_INVALID: ptth_relay.toml:key_file: .*does not exist/)
    }),
  )

  it.live("says what stays per machine without an engine", () =>
    Effect.gen(function* () {
      const note = "approvals, usage of limits and the audit log stay with each machine"
      assert.include(yield* check({}), note)
      assert.include(yield* check({ engine: "dns:localhost:4002" }), note)
      const unknown = yield* messageOf({ engine: "dns:nobody.invalid:4002" })
      assert.match(unknown, /^PTTH_ENGINE_UNAVAILABLE: .*nobody\.invalid .*cannot be resolved/)
    }),
  )

  it.live("says that a relay which names no others waits for them", () =>
    Effect.gen(function* () {
      const note = yield* check({ keyFile: fileWith(key), isUnnamed: true })
      assert.include(note, "waits for those that name it")
      assert.strictEqual(yield* check({ isUnnamed: true }), "")
    }),
  )

  it.live("refuses a configuration with the engine's password that others can read", () =>
    Effect.gen(function* () {
      const file = join(temporaryFolder(), "ptth_relay.toml")
      const keyFile = fileWith(key)
      fs.writeFileSync(
        file,
        `[cluster]\nlisten = "127.0.0.1:4002"\nkey_file = "${keyFile}"\nengine = "redis://:pass@127.0.0.1:1"\n`,
      )
      const load = loadRelay({ configPath: Option.some(file), overrides: [], env: {} }).pipe(
        Effect.provide(NodeFileSystem.layer),
      )
      fs.chmodSync(file, 0o644)
      const { code, message } = yield* Effect.flip(load)
      assert.strictEqual(code, "PTTH_CONFIG_EXPOSED")
      assert.notInclude(message, "pass@")
      fs.chmodSync(file, 0o640)
      yield* load
    }),
  )

  describe.skipIf(program === undefined)(`with Redis${skipNote}`, () => {
    it.live("tries the engine, and says why it cannot be used", () =>
      Effect.gen(function* () {
        const server = yield* RedisServer.start("--requirepass", "right")
        const at = `127.0.0.1:${server.port}`
        assert.include(
          yield* check({ engine: `redis://:right@${at}` }),
          `its engine redis://${at} answers`,
        )
        const refused = yield* messageOf({ engine: `redis://:wrong@${at}` })
        assert.match(
          refused,
          /^PTTH_ENGINE_UNAVAILABLE: ptth_relay.toml:engine: .* refuses this machine/,
        )
        assert.notInclude(refused, "wrong@")
        yield* server.kill
        const gone = yield* messageOf({ engine: `redis://:right@${at}` })
        assert.match(gone, /cannot be reached from here .*A relay starts and serves without it/)
        assert.include(Redacted.value(server.url), at)
      }),
    )
  })
})

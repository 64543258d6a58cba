/**
 * The keys with which a relay connects to its peers.
 */
import * as fs from "node:fs"
import { join } from "node:path"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as RunRelay from "../../../src/cli/run/RunRelay.ts"
import { keysOf } from "../../../src/cli/shared/ClusterPeers.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const [first, second] = [
  "the-first-key-of-the-cluster-in-this-test",
  "the-second-key-of-the-cluster-in-this-test",
]

describe("the keys of a cluster", () => {
  it.effect("are those of the last valid load, which reads and reports them once", () => {
    const messages: Array<string> = []
    const logger = Logger.make(({ message }) => {
      messages.push(String(message))
    })
    return Effect.gen(function* () {
      const folder = temporaryFolder()
      const file = join(folder, "ptth_relay.toml")
      const keyFile = join(folder, "cluster.key")
      const write = (text: string) => fs.writeFileSync(keyFile, text, { mode: 0o600 })
      write(`${first}\n`)
      fs.writeFileSync(file, `[cluster]\nlisten = "127.0.0.1:4002"\nkey_file = "${keyFile}"\n`)
      const start = yield* RunRelay.loadStart({
        configPath: Option.some(file),
        overrides: [],
        env: {},
      })
      let config = start.config
      const keys = keysOf({ current: () => config }, start)
      const texts = () => keys()?.map(Redacted.value)
      assert.deepStrictEqual(texts(), [first])
      write(`${second}\n${first}\n`)
      yield* start.load
      assert.deepStrictEqual(texts(), [second, first])
      yield* start.load
      assert.deepStrictEqual(messages, ["cluster key reloaded: lines: 2"])
      write("short\n")
      yield* Effect.flip(start.load)
      assert.deepStrictEqual(texts(), [second, first])
      const other = join(folder, "other.key")
      fs.writeFileSync(other, `${first}\n`, { mode: 0o600 })
      fs.writeFileSync(file, `[cluster]\nlisten = "127.0.0.1:4002"\nkey_file = "${other}"\n`)
      config = yield* start.load
      assert.deepStrictEqual(texts(), [second, first])
    }).pipe(Effect.provide(Layer.merge(NodeFileSystem.layer, Logger.layer([logger]))))
  })
})

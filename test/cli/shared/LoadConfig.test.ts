import * as fs from "node:fs"
import { join } from "node:path"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { loadRelay, makeRelayDecoder } from "../../../src/cli/shared/LoadConfig.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const server = (name: string): string =>
  `[[servers]]\nname = "${name}"\ntripcode = "A9rPwZyY89Ag4TJjMoyYA2NeGOm99Je6rq1s0rg8PfY="\n`

describe("a relay's configuration that is loaded again and again", () => {
  it.effect("is decoded anew only when a file has changed", () =>
    Effect.gen(function* () {
      const folder = temporaryFolder()
      const file = join(folder, "ptth_relay.toml")
      const part = join(folder, "servers.d", "cellar.toml")
      fs.writeFileSync(file, server("attic"))
      const decode = makeRelayDecoder()
      const sources = { configPath: Option.some(file), overrides: [], env: {} }
      const servers = Effect.map(loadRelay(sources, decode), ({ config }) => config.servers)
      const first = yield* servers
      assert.strictEqual(yield* servers, first)
      fs.mkdirSync(join(folder, "servers.d"))
      fs.writeFileSync(part, server("cellar"))
      const both = yield* servers
      assert.deepStrictEqual(
        both.map(({ name }) => String(name)),
        ["attic", "cellar"],
      )
      fs.writeFileSync(file, "[")
      yield* Effect.flip(servers)
      yield* Effect.flip(servers)
      fs.writeFileSync(file, server("attic"))
      assert.deepStrictEqual(yield* servers, both)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})

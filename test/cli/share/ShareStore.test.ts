import { chmodSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ShareStore from "../../../src/cli/share/ShareStore.ts"
import { sharesFolder } from "../../../src/cli/shared/UserPaths.ts"
import { capture } from "../../support/harness/LogLines.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

/** Shares `/srv/pictures` without archives, and gives the folder of shares and how to look for it again. */
const shared = Effect.fnUntraced(function* () {
  const env = { XDG_STATE_HOME: temporaryFolder() }
  const request = {
    relayUrl: "https://relay.example",
    target: { _tag: "Files", path: "/srv/pictures" },
    name: undefined,
  } as const
  const found = yield* ShareStore.find(request, env)
  yield* ShareStore.keep(found, { archives: false }, env)
  const folder = sharesFolder(env)
  const [file = ""] = readdirSync(folder)
  return { folder, path: join(folder, file), again: ShareStore.find(request, env) }
})

describe("what was shared before", () => {
  it.effect("is found with what restricts its visitors", () =>
    Effect.gen(function* () {
      const { again } = yield* shared()
      assert.deepStrictEqual({ ...(yield* again).restrictions }, { archives: false })
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("is not replaced by a public share if its file can be read by others", () =>
    Effect.gen(function* () {
      const { again, path } = yield* shared()
      chmodSync(path, 0o644)
      const error = yield* Effect.flip(again)
      assert.strictEqual(error.code, "PTTH_CONFIG_EXPOSED")
      assert.include(error.message, path)
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("is named if its file is broken, and other shares are found", () => {
    const logged: Array<string> = []
    return Effect.gen(function* () {
      const { again, folder } = yield* shared()
      const broken = join(folder, "broken@relay.example.toml")
      writeFileSync(broken, "name = [", { mode: 0o600 })
      assert.isDefined((yield* again).existing)
      assert.lengthOf(logged, 1)
      assert.include(logged[0], broken)
    }).pipe(Effect.provide([NodeFileSystem.layer, capture(logged)]))
  })
})

/**
 * What a running process tells `ptth status` of its command line.
 */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as RuntimeFolder from "../../../src/cli/control/RuntimeFolder.ts"
import * as StatusSocket from "../../../src/cli/control/StatusSocket.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

/** Has this process another command line while the Scope is open. */
const startedWith = (args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const before = process.argv
      process.argv = ["node", "ptth", ...args]
      return before
    }),
    (before) =>
      Effect.sync(() => {
        process.argv = before
      }),
  )

/** The arguments that it tells. */
const toldOf = (args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const owner = { ...RuntimeFolder.ofProcess(), env: { XDG_RUNTIME_DIR: temporaryFolder() } }
    yield* startedWith(args)
    yield* StatusSocket.publish(owner, Effect.succeed({ kind: "server" }))
    const statuses = yield* StatusSocket.askAll(owner)
    return statuses.find(({ pid }) => pid === process.pid)?.args
  }).pipe(Effect.scoped)

it.live.each([
  ["share", "--ticket", "secret", "3000", "--qr"],
  ["share", "--ticket=secret", "3000", "--qr"],
  ["share", "3000", "--qr", "--ticket", "secret"],
])("the arguments %j without the ticket", (args) =>
  Effect.gen(function* () {
    assert.deepStrictEqual(yield* toldOf(args), ["share", "3000", "--qr"])
  }),
)

it.live("all others", () =>
  Effect.gen(function* () {
    const args = ["share", "./Pictures", "--auth", "me", "--name", "ticket"]
    assert.deepStrictEqual(yield* toldOf(args), args)
  }),
)

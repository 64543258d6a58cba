/**
 * What a server serves, replaced by a reload.
 */
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { DestinationOptions } from "../../../src/cli/serve/Destination.ts"
import * as SwitchedDestination from "../../../src/cli/serve/SwitchedDestination.ts"
import * as Harness from "../../support/Harness.ts"
import { capture } from "../../support/harness/LogLines.ts"

/** An address at which nothing listens. */
const closedPort = Effect.callback<number>((resume) => {
  const server = createServer()
  server.listen(0, "127.0.0.1", () => {
    const { port } = server.address() as { readonly port: number }
    server.close(() => resume(Effect.succeed(port)))
  })
})

it.live("the problem of an application is over when something else is served in its place", () =>
  Effect.gen(function* () {
    const problems: Array<string | undefined> = []
    const folder: DestinationOptions = {
      folder: tmpdir(),
      user: undefined,
      password: undefined,
      hiddenFiles: [],
      realm: "attic",
      onProblem: (problem) => problems.push(problem),
    }
    const to = `http://127.0.0.1:${yield* closedPort}`
    const origin = { to, hostHeader: undefined, toCa: undefined, toInsecure: false }
    const destination = yield* SwitchedDestination.make({ ...folder, origin })
    yield* Harness.until("nothing answers", () => problems.at(-1) !== undefined)
    assert.include(problems.at(-1), "nothing answers at 127.0.0.1")
    yield* Effect.flatten(destination.replace(folder))
    assert.isUndefined(problems.at(-1))
    assert.strictEqual(destination.current().rows[0]?.[0], "Files")
  }).pipe(Effect.scoped, Effect.provide(capture([])), Effect.provide(NodeServices.layer)),
)

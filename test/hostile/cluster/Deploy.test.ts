/**
 * A new version of relays that serve as one, machine by machine and worker by
 * worker: visitors on kept connections, on fresh ones and with bodies notice
 * nothing.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { run } from "../../cli/Command.ts"
import * as Harness from "../../support/Harness.ts"
import { deploy, machines, visitServer } from "./Machines.ts"

describe.skipIf(process.platform === "win32")("a deploy of three relays loses no request", () => {
  it.live("if each has a list of the others", () => deploy())

  it.live("if a relay of four workers replaces these", () =>
    Effect.gen(function* () {
      const cluster = yield* machines({ ids: ["a"], servers: ["app"], workers: 4 })
      const [machine] = cluster.machines
      yield* Harness.serverAt(cluster.front.url, "app", Harness.echo, { transport: "stream" })
      const visitors = visitServer(cluster.front.url)
      yield* Harness.promised(async () => {
        await visitors.more(20)
        const { code, stdout } = await run(
          ["relay", "roll", "--config-path", machine?.configPath ?? ""],
          { env: { XDG_RUNTIME_DIR: machine?.folder ?? "" } },
        )
        assert.deepStrictEqual([code, stdout], [0, "replaced 4 workers\n"])
        await visitors.more(20)
        await visitors.stop()
      })
      assert.deepStrictEqual(visitors.failed, [])
    }),
  )
})

/**
 * The administrator's side of a relay of several workers, which is the
 * supervisor's: it shows all of them.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { key, startAttic, text, tripcode } from "../AtticServer.ts"
import { inFolder, run, start } from "../Command.ts"

/** Starts a relay of two workers; `more` is added to its configuration. */
const startRelay = async (cwd: string, more: string) => {
  const config = join(cwd, "ptth_relay.toml")
  writeFileSync(
    config,
    `listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
admin_token = "${tripcode}"
workers = 2
lame_duck = 0
access_log = "json"
${more}`,
  )
  const env = { XDG_RUNTIME_DIR: cwd }
  const relay = start(["relay"], { cwd, env })
  const [, base = ""] = await relay.said(/Listening +(\S+\/)/)
  const [, admin = ""] = await relay.said(/Admin +(http:\/\/[^/]+)\/login\//)
  const ask = async (path: string, body?: object): Promise<string> => {
    const response = await fetch(`${admin}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return await response.text()
  }
  const roll = () => run(["relay", "roll", "--config-path", config], { cwd: "/", env })
  return { relay, base, ask, roll }
}

/** Asks again until the answer is as wanted. */
const until = async <A>(ask: () => Promise<A>, isWanted: (answer: A) => boolean): Promise<A> => {
  for (;;) {
    const answer = await ask()
    if (isWanted(answer)) return answer
    await new Promise((resolve) => setImmediate(resolve))
  }
}

interface Listed {
  readonly name: string
  readonly requests: number
  readonly connections: number
  readonly relays: ReadonlyArray<{ readonly relay: string; readonly requests: number }>
}

describe.skipIf(process.platform === "win32")("the administrator of several workers", () => {
  it("approves a server at all, sees its requests at all, and their metrics after a roll", () =>
    inFolder(async (cwd) => {
      const { ask, base, relay, roll } = await startRelay(cwd, "")
      await fetch(`${base}7ZSFUKGV/http_listen/attic`, { headers: { "X-ApiKey": key } })
      const [stranger] = await until(
        async () => JSON.parse(await ask("/api/v1/unregistered")),
        (all) => all.length === 1,
      )
      assert.strictEqual(stranger.name, "attic")
      const approved = JSON.parse(
        await ask("/api/v1/unregistered/approve", { name: "attic", tripcode: stranger.tripcode }),
      )
      assert.strictEqual(approved.name, "attic")
      const { stop } = await startAttic(cwd, base)
      const requests = 12
      for (let i = 0; i < requests; i++) {
        // Each on a connection of its own, so that both workers get some.
        const response = await fetch(`${base}servers/attic/page.html`, {
          headers: { Connection: "close" },
        })
        assert.strictEqual(await response.text(), text)
      }
      const [listed] = await until(
        async (): Promise<ReadonlyArray<Listed>> => JSON.parse(await ask("/api/v1/servers")),
        ([one]) => one?.requests === requests && one.connections >= 2,
      )
      const sum = listed?.relays.reduce((sum, one) => sum + one.requests, 0)
      assert.strictEqual(sum, requests)
      const { relays, unanswered } = JSON.parse(await ask("/api/v1/relays"))
      assert.deepStrictEqual(
        relays.map(({ state, worker }: Record<string, unknown>) => [worker, state]),
        [
          [0, "up"],
          [1, "up"],
        ],
      )
      assert.deepStrictEqual(unanswered, [])
      const events: ReadonlyArray<{ readonly kind: string }> = JSON.parse(
        await ask("/api/v1/audit?kind=ServerApproved"),
      )
      assert.lengthOf(events, 1)
      assert.strictEqual((await roll()).stdout, "replaced 2 workers\n")
      const metrics = await ask("/metrics")
      const workers = new Set(
        [...metrics.matchAll(/^ptth_relay_info\{relay="[^"]+",worker="(\d+)"/gm)].map(
          ([, worker]) => worker,
        ),
      )
      assert.strictEqual(workers.size, 2)
      assert.notInclude(metrics, "ptth_relay_unanswered{")
      await stop()
      relay.child.kill("SIGTERM")
      await relay.ended
    }))
})

/**
 * A listening socket that outlives the relay: `--listen fd:3`, as systemd's
 * socket activation gives it.
 */
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { Agent, request } from "node:http"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { temporaryFolder } from "../support/temporaryFolder.ts"
import { activated } from "./PassedSocket.ts"

it.skipIf(process.platform === "win32")(
  "a relay that is restarted on a passed socket refuses no connection",
  async () => {
    const { port, shell, until } = await activated([])
    const first = Number((await until(/process (\d+)/))[1])
    const health = async (): Promise<string> =>
      (await fetch(`http://127.0.0.1:${port}/healthz`, { headers: { Connection: "close" } })).text()
    assert.strictEqual(await health(), "ok\n")
    process.kill(first, "SIGTERM")
    await until(/ended 0/)
    assert.strictEqual(await health(), "ok\n")
    const second = Number((await until(/process \d+[\s\S]*process (\d+)/))[1])
    process.kill(second, "SIGTERM")
    await until(/ended 0[\s\S]*ended 0/)
    await once(shell, "close")
  },
)

it.skipIf(process.platform === "win32")(
  "a relay that is restarted on a passed socket fails no request of a kept connection",
  async () => {
    const config = join(temporaryFolder(), "relay.toml")
    writeFileSync(config, 'lame_duck = "1 s"\n')
    const { port, shell, until } = await activated(["--config-path", config])
    const first = Number((await until(/process (\d+)/))[1])
    const agent = new Agent({ keepAlive: true, maxSockets: 20 })
    let isOver = false
    let answered = 0
    const ask = (): Promise<number> =>
      new Promise((resolve, reject) => {
        const asked = request({ port, host: "127.0.0.1", path: "/healthz", agent }, (response) => {
          response.resume().on("end", () => resolve(response.statusCode ?? 0))
        })
        asked.on("error", reject).end()
      })
    const askAgain = async (): Promise<void> => {
      while (!isOver) {
        assert.strictEqual(await ask(), 200)
        answered += 1
      }
    }
    const visitors = Array.from({ length: 20 }, askAgain)
    while (answered < 100) await new Promise((resolve) => setImmediate(resolve))
    process.kill(first, "SIGTERM")
    await until(/ended 0/)
    const before = answered
    while (answered < before + 100) await new Promise((resolve) => setImmediate(resolve))
    isOver = true
    await Promise.all(visitors)
    agent.destroy()
    const second = Number((await until(/process \d+[\s\S]*process (\d+)/))[1])
    process.kill(second, "SIGTERM")
    await until(/ended 0[\s\S]*ended 0/)
    await once(shell, "close")
  },
)

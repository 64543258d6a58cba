/**
 * A listening socket that outlives the relay: `--listen fd:3`, as systemd's
 * socket activation gives it.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { Agent, request } from "node:http"
import type { AddressInfo } from "node:net"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import type { Readable } from "node:stream"
import { assert, it } from "@effect/vitest"
import { bin } from "./Command.ts"

/** Starts relays one after the other on the socket that it holds as number 3, and says the number of each process. */
const keeper = `
for turn in 1 2; do
  "$0" "$1" relay --listen fd:3 --admin-listen 127.0.0.1:0 $2 $3 2>/dev/null &
  echo "process $!"
  wait $!
  echo "ended $?"
done`

/** A socket that listens, and a shell that runs {@link keeper} on it; `until` waits for what the shell says. */
const activated = async (flags: ReadonlyArray<string>) => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  const handle = (server as unknown as { readonly _handle: { readonly fd: number } })._handle
  const shell = spawn("sh", ["-c", keeper, process.execPath, bin, ...flags], {
    cwd: tmpdir(),
    stdio: ["ignore", "pipe", "inherit", handle.fd],
  })
  const stdout = shell.stdout as Readable
  server.close()
  await once(server, "close")
  let said = ""
  stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text
  })
  const until = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve) => {
      const look = (): void => {
        const match = pattern.exec(said)
        if (match === null) return
        stdout.off("data", look)
        resolve(match)
      }
      stdout.on("data", look)
      look()
    })
  return { port, shell, until }
}

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
    const config = join(mkdtempSync(join(tmpdir(), "ptth-restart-")), "relay.toml")
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
    rmSync(dirname(config), { recursive: true })
  },
)

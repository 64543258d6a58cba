/**
 * A listening socket that outlives the relay: `--listen fd:3`, as systemd's
 * socket activation gives it.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import type { AddressInfo } from "node:net"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import type { Readable } from "node:stream"
import { assert, it } from "@effect/vitest"
import { bin } from "./Command.ts"

/** Starts relays one after the other on the socket that it holds as number 3, and says the number of each process. */
const keeper = `
for turn in 1 2; do
  "$0" "$1" relay --listen fd:3 --admin-listen 127.0.0.1:0 2>/dev/null &
  echo "process $!"
  wait $!
  echo "ended $?"
done`

it.skipIf(process.platform === "win32")(
  "a relay that is restarted on a passed socket refuses no connection",
  async () => {
    const server = createServer().listen(0, "127.0.0.1")
    await once(server, "listening")
    const { port } = server.address() as AddressInfo
    const handle = (server as unknown as { readonly _handle: { readonly fd: number } })._handle
    const shell = spawn("sh", ["-c", keeper, process.execPath, bin], {
      cwd: tmpdir(),
      stdio: ["ignore", "pipe", "inherit", handle.fd],
    })
    const stdout = shell.stdout as Readable
    server.close()
    await once(server, "close")
    let said = ""
    const saidNow = (pattern: RegExp): Promise<RegExpExecArray> =>
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
    stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text
    })
    const first = Number((await saidNow(/process (\d+)/))[1])
    const health = async (): Promise<string> =>
      (await fetch(`http://127.0.0.1:${port}/healthz`, { headers: { Connection: "close" } })).text()
    assert.strictEqual(await health(), "ok\n")
    process.kill(first, "SIGTERM")
    await saidNow(/ended 0/)
    assert.strictEqual(await health(), "ok\n")
    const second = Number((await saidNow(/process \d+[\s\S]*process (\d+)/))[1])
    process.kill(second, "SIGTERM")
    await saidNow(/ended 0[\s\S]*ended 0/)
    await once(shell, "close")
  },
)

/**
 * A listening socket that outlives the relays that are started on it one after
 * the other, as systemd keeps one.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import type { AddressInfo } from "node:net"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import type { Readable } from "node:stream"
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
export const activated = async (flags: ReadonlyArray<string>) => {
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

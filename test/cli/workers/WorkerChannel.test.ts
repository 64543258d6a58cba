/**
 * A worker whose supervisor dies, as processes of their own: a stand-in for the
 * supervisor that reads one message and then stands still until it is killed.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { inFolder, start } from "../Command.ts"

const channelModule = pathToFileURL(
  join(import.meta.dirname, "../../../src/cli/workers/WorkerChannel.ts"),
)

const supervisor = `
import { spawn } from "node:child_process"
const worker = spawn(process.execPath, ["worker.mjs"], { stdio: ["ignore", "inherit", "inherit", "ipc"] })
worker.once("message", () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))
`

const worker = (passesSocket: boolean): string => `
import net from "node:net"
import * as WorkerChannel from "${channelModule}"
const channel = WorkerChannel.ofProcess()
channel.listen(() => {})
channel.onGone(() => {
  console.log("gone")
  process.exit()
})
channel.send({ kind: "ready", host: "127.0.0.1", port: 1, version: "1" })
const server = net.createServer((socket) => {
  if (${passesSocket}) channel.send({ kind: "socket", to: "m.1", about: {} }, socket)
  console.log("sent")
})
server.listen(0, "127.0.0.1", () => net.connect(server.address().port, "127.0.0.1"))
`

describe("a worker notices that its supervisor is gone", () => {
  it.each([
    ["at any time", false],
    ["while a socket is on its way to it", true],
  ])("%s", (_when, passesSocket) =>
    inFolder(async (cwd) => {
      writeFileSync(join(cwd, "supervisor.mjs"), supervisor)
      writeFileSync(join(cwd, "worker.mjs"), worker(passesSocket))
      const running = start([], { cwd, program: "supervisor.mjs" })
      await running.said(/sent/)
      running.child.kill("SIGKILL")
      // Ends when the worker does, too, which has the same output.
      assert.match((await running.ended).stdout, /^gone$/m)
    }),
  )
})

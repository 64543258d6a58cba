/**
 * Ctrl+C at each moment of a server in a terminal: it ends at once, or says what
 * it waits for, and gives the terminal back as it was.
 */
import { once } from "node:events"
import { mkdirSync, writeFileSync } from "node:fs"
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http"
import { type AddressInfo, createServer, type Socket } from "node:net"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { key, tripcode } from "./AtticServer.ts"
import { inFolder, start } from "./Command.ts"
import { hasScript, live } from "./PseudoTerminal.ts"

const interrupt = "\x03"

type Terminal = ReturnType<typeof live>

/** Ends when the command has; fails unless it ended well, and the terminal is as it was. */
const endsWell = async (terminal: Terminal): Promise<void> => {
  const [, code, settings] = await terminal.shows(/code=(\d+)(.*)settings=done/s)
  assert.strictEqual(code, "0")
  assert.match(settings as string, /[^-]icanon/)
  assert.match(settings as string, /[^-]echo /)
  const { shown } = await terminal.ended
  assert.notMatch(shown.slice(shown.indexOf("code=")), /connect|approval/)
}

/** The key of the server is in its configuration, that of a share is made in the folder. */
const startLive = (
  args: ReadonlyArray<string>,
  relayUrl: string,
  cwd: string,
  settings = "",
): Terminal => {
  writeFileSync(
    join(cwd, "ptth_server.toml"),
    `name = "attic"\napi_key = "${key}"\nrelay_url = "${relayUrl}"\n${settings}`,
    { mode: 0o600 },
  )
  return live(args, cwd, { HOME: cwd, XDG_STATE_HOME: "", XDG_CONFIG_HOME: "" })
}

describe.skipIf(!hasScript)("Ctrl+C", () => {
  it("ends a server whose relay accepts the connection and says nothing", () =>
    inFolder(async (cwd) => {
      const silent = createServer()
      silent.listen(0, "127.0.0.1")
      await once(silent, "listening")
      const accepted = once(silent, "connection")
      const { port } = silent.address() as AddressInfo
      const terminal = startLive(["server"], `http://127.0.0.1:${port}`, cwd)
      const [socket] = (await accepted) as [Socket]
      await terminal.shows(/ connecting/)
      terminal.type(interrupt)
      await endsWell(terminal)
      socket.destroy()
      silent.close()
    }))

  it("ends a server that waits for approval, one that is connected, and one that waits for its next try", () =>
    inFolder(async (cwd) => {
      mkdirSync(join(cwd, "relay"))
      writeFileSync(
        join(cwd, "relay", "ptth_relay.toml"),
        `port = 0\n[[servers]]\nname = "attic"\ntripcode = "${tripcode}"\n`,
      )
      const relay = start(["relay"], { cwd: join(cwd, "relay") })
      const [, base = ""] = await relay.said(/^ {2}Listening +(http:\/\/\S+)\//m)

      const stranger = startLive(["share", ".", "--name", "new", "--relay", base], base, cwd)
      await stranger.shows(/ waiting for approval/)
      stranger.type(interrupt)
      await endsWell(stranger)

      const application = createHttpServer().listen(0, "127.0.0.1")
      await once(application, "listening")
      const { port } = application.address() as AddressInfo
      const asked = once(application, "request")
      const busy = startLive(["server"], base, cwd, `to = ${port}\n`)
      await busy.shows(/ connected · stream/)
      const answered = fetch(`${base}/servers/attic/`)
      const [, response] = (await asked) as [IncomingMessage, ServerResponse]
      await busy.shows(/ 1 now/)
      busy.type(interrupt)
      await busy.shows(/stopping: waiting for 1 request/)
      response.end("at last")
      assert.strictEqual(await (await answered).text(), "at last")
      await endsWell(busy)
      application.close()
      application.closeAllConnections()

      const lost = startLive(["server"], base, cwd)
      await lost.shows(/ connected · stream/)
      relay.child.kill("SIGKILL")
      await lost.shows(/ not connected: /)
      lost.type(interrupt)
      await endsWell(lost)
    }))
})

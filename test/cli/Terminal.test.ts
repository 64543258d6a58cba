/**
 * The commands in a terminal, which `script` of util-linux gives them.
 */
import { realpathSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { key, tripcode } from "./AtticServer.ts"
import { inFolder, run, start } from "./Command.ts"
import { commandLine, hasScript, inTerminal, live, shellInTerminal } from "./PseudoTerminal.ts"

/** Resolves when the process is gone; it is not a child of this one. */
const isGone = async (pid: number): Promise<void> => {
  for (;;) {
    try {
      process.kill(pid, 0)
    } catch {
      return
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe.skipIf(!hasScript)(
  `in a terminal${hasScript ? "" : " (skipped: script of util-linux is not installed)"}`,
  () => {
    it("a password is not shown while it is typed, twice, and Enter ends it", () =>
      inFolder(async (cwd) => {
        const terminal = inTerminal(["hash-password"], cwd)
        await terminal.shows(/not shown: /)
        terminal.type("my  Horse\r")
        await terminal.shows(/Once more: /)
        terminal.type("my  Horse\r")
        const { code, shown } = await terminal.ended
        assert.strictEqual(code, 0)
        assert.notInclude(shown, "Horse")
        assert.match(shown, /^\$scrypt\$\S+\r$/m)
      }))

    it("two different passwords are refused", () =>
      inFolder(async (cwd) => {
        const terminal = inTerminal(["hash-password"], cwd)
        await terminal.shows(/not shown: /)
        terminal.type("one\rtwo\r")
        const { code, shown } = await terminal.ended
        assert.strictEqual(code, 2)
        assert.include(shown, "PTTH_USAGE: hash-password: the password was not the same both times")
      }))

    it("a key is not shown while it is typed, and Ctrl+C ends it", () =>
      inFolder(async (cwd) => {
        const terminal = inTerminal(["hash-api-key"], cwd)
        await terminal.shows(/not shown: /)
        terminal.type(`${key}\r`)
        const { code, shown } = await terminal.ended
        assert.strictEqual(code, 0)
        assert.notInclude(shown, key)
        const other = inTerminal(["hash-api-key"], cwd)
        await other.shows(/not shown: /)
        other.type("\x03")
        const interrupted = await other.ended
        assert.strictEqual(interrupted.code, 2)
        assert.match(interrupted.shown, /PTTH_USAGE: hash-api-key: no \S+ was typed/)
      }))

    it.each([
      ["dev", ["dev", "--listen", "127.0.0.1:0"], /Ctrl\+C stops/],
      ["a relay", ["relay", "--port", "0"], /Listening/],
      ["a file server", ["fileserver", "--listen", "127.0.0.1:0"], /Open/],
      [
        "a server",
        ["server", "--name", "attic", "--relay-url", "http://127.0.0.1:1"],
        /PTTH_RELAY_UNREACHABLE|cannot reach/,
      ],
    ] as const)("%s ends when the terminal is closed", (_name, args, ready) =>
      inFolder(async (cwd) => {
        writeFileSync(join(cwd, "ptth_server.toml"), `api_key = "${key}"\n`, { mode: 0o600 })
        const terminal = inTerminal(args, cwd)
        const [, pid] = await terminal.shows(/pid=(\d+)/)
        await terminal.shows(ready)
        terminal.close()
        await isGone(Number(pid))
      }),
    )

    it("a live view shows requests, copies the address, shows a QR code, and gives the terminal back", () =>
      inFolder(async (cwd) => {
        writeFileSync(join(cwd, "a.txt"), "hello")
        const terminal = live(["fileserver", ".", "--listen", "127.0.0.1:0"], cwd)
        const [, url = ""] = await terminal.shows(/Open +(http:\S+)/)
        await terminal.shows(/serving +0 requests/)
        await fetch(`${url}files/a.txt`)
        await terminal.shows(/\d\d:\d\d:\d\d {2}GET +200 .* 5 B +\/files\/a\.txt/)
        await fetch(`${url}files/${"deep/".repeat(30)}none.txt`)
        await terminal.shows(/404 .*\/files\/deep.*….*none\.txt/)
        terminal.type("c")
        const copied = Buffer.from(url).toString("base64")
        await terminal.shows(new RegExp(`\\u001b\\]52;c;${copied}\\u0007`))
        terminal.type("q")
        await terminal.shows(/[▀▄█]{4}/)
        terminal.type("\x03")
        const [, shown] = await terminal.shows(/code=0(.*)settings=done/s)
        assert.match(shown as string, /[^-]icanon/)
        assert.match(shown as string, /[^-]echo /)
        // Nothing of the view is left below the last output.
        const { shown: all } = await terminal.ended
        assert.notMatch(all.slice(all.indexOf("code=0")), /serving/)
      }))

    it("a live view shows each of several services, also when a reload connects them again", () =>
      inFolder(async (cwd) => {
        const servers = ["one", "two"].map(
          (name) => `[[servers]]\nname = "${name}"\ntripcode = "${tripcode}"\n`,
        )
        writeFileSync(join(cwd, "ptth_relay.toml"), `port = 0\n${servers.join("")}`)
        const relay = start(["relay"], { cwd })
        const [, base = ""] = await relay.said(/^ {2}Listening +(http:\/\/\S+)/m)
        const services = ["one", "two"].map(
          (name) => `[[services]]\nname = "${name}"\nfile_server_root = "."\n`,
        )
        const write = (more: string): void => {
          const head = `relay_url = "${base}"\napi_key = "${key}"\n${more}`
          writeFileSync(join(cwd, "ptth_server.toml"), head + services.join(""), { mode: 0o600 })
        }
        write("")
        const terminal = shellInTerminal(
          `stty cols 80 rows 24; echo pid=$$; exec ${commandLine(["server"])}`,
          cwd,
          { TERM: "xterm-256color", LC_ALL: "C.UTF-8", NO_COLOR: "1" },
        )
        const [, pid] = await terminal.shows(/pid=(\d+)/)
        const both =
          / ▸ one {2}http:\S+\/one\/ .*\s+two {2}http:\S+\/two\/\s+connected · stream · 2 links/
        await terminal.shows(both)
        await fetch(`${base}servers/two/files/`)
        await terminal.shows(/GET +200 .* {2}two {2}\/files\//)
        terminal.type("\t")
        await terminal.shows(/ ▸ two {2}http/)
        terminal.type("c")
        const copied = Buffer.from(`${base}servers/two/`).toString("base64")
        await terminal.shows(new RegExp(`\\u001b\\]52;c;${copied}\\u0007`))
        write('response_timeout = "20 s"\n')
        process.kill(Number(pid), "SIGHUP")
        await terminal.shows(/reloaded.* one {2}http:\S+\/one\/\s.*\sconnected · stream · 2 links/s)
        terminal.type("\x03")
        assert.strictEqual((await terminal.ended).code, 0)
        relay.child.kill("SIGTERM")
        await relay.ended
      }))

    it("a second Ctrl+C ends a live view that waits for a download, and gives the terminal back", () =>
      inFolder(async (cwd) => {
        writeFileSync(join(cwd, "large"), Buffer.alloc(64 * 1024 * 1024))
        const terminal = live(["fileserver", ".", "--listen", "127.0.0.1:0"], cwd)
        const [, url] = await terminal.shows(/Open +(http:\S+)/)
        const response = await fetch(`${url}files/large`)
        await terminal.shows(/1 now/)
        terminal.type("\x03")
        await terminal.shows(/stopping: waiting for 1 request/)
        terminal.type("\x03")
        const [, shown] = await terminal.shows(/code=130(.*)settings=done/s)
        assert.match(shown as string, /[^-]icanon/)
        await response.body?.cancel().catch(() => {})
        await terminal.ended
      }))

    it("a relay whose terminal is still there reloads on SIGHUP", () =>
      inFolder(async (cwd) => {
        writeFileSync(join(cwd, "ptth_relay.toml"), "port = 0\n")
        const terminal = inTerminal(["relay"], cwd)
        const [, pid] = await terminal.shows(/pid=(\d+)/)
        await terminal.shows(/Listening/)
        writeFileSync(join(cwd, "ptth_relay.toml"), "port = 0\nmax_queue = 9\n")
        process.kill(Number(pid), "SIGHUP")
        await terminal.shows(/config reloaded/)
        terminal.type("\x03")
        assert.strictEqual((await terminal.ended).code, 0)
      }))
  },
)

it("a file server that waits for a download after a signal says so", () =>
  inFolder(async (cwd) => {
    writeFileSync(join(cwd, "large"), Buffer.alloc(64 * 1024 * 1024))
    const files = start(["fileserver", cwd, "--listen", "127.0.0.1:0"])
    const [, open] = await files.said(/^ {2}Open +(http:\/\/\S+)/m)
    const response = await fetch(`${open}files/large`)
    files.child.kill("SIGTERM")
    await files.said(/waiting up to 30 s for running requests to end/, "stderr")
    await response.body?.cancel()
    assert.strictEqual((await files.ended).code, 0)
  }))

it("approving fails in a folder in which there is no relay", () =>
  inFolder(async (cwd) => {
    const tripcode = "A9rPwZyY89Ag4TJjMoyYA2NeGOm99Je6rq1s0rg8PfY="
    const { code, stderr } = await run(["relay", "approve", "attic", tripcode], { cwd })
    assert.strictEqual(code, 2)
    assert.include(stderr, `PTTH_CONFIG_MISSING: ${realpathSync(cwd)}: no relay reads this folder`)
  }))

/**
 * `ptth share` and `ptth relay invite` as processes: a name and a key that stay,
 * a relay that is remembered, and a ticket in place of an approval.
 */
import { once } from "node:events"
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import * as http from "node:http"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { inFolder, run, start } from "./Command.ts"

const open = /^(?:Connected\.|Approved \(\d+ s\)\.) Open (\S+)$/m

it("what is shared keeps its name and key, a ticket replaces the approval, and the relay is remembered", () =>
  inFolder(async (cwd) => {
    const home = join(cwd, "home")
    mkdirSync(join(home, "Pictures"), { recursive: true })
    writeFileSync(join(home, "Pictures", "a.txt"), "a picture\n")
    writeFileSync(join(home, "b.txt"), "one file\n")
    const env = { HOME: home, XDG_STATE_HOME: join(home, "state"), XDG_CONFIG_HOME: "" }
    const app = http.createServer((req, res) => res.end(`app at ${req.url}`))
    const socket = join(cwd, "app.sock")
    app.listen(socket)
    await once(app, "listening")
    const relay = start(["relay", "--port", "0"], { cwd })
    const [, base = ""] = await relay.said(/^ {2}Listening +(http:\/\/\S+)/m)

    const unknown = await run(["share", "3000"], { cwd: home, env })
    assert.strictEqual(unknown.code, 2)
    assert.match(unknown.stderr, /^PTTH_USAGE: --relay: no relay is known yet\. .*config\.toml/)

    const invited = await run(["relay", "invite", "attic", "--relay", base], { cwd })
    assert.strictEqual(invited.code, 0)
    const [line = ""] = invited.stdout.split("\n")
    assert.match(line, /^ptth share --relay http:\S+ --ticket attic\.\S{22}$/)
    const words = line.split(" ").slice(1)
    const first = start([...words, "Pictures"], { cwd: home, env })
    const [, at = ""] = await first.said(open)
    assert.strictEqual(at, `${base}servers/attic/`)
    assert.strictEqual(await (await fetch(`${at}files/a.txt`)).text(), "a picture\n")
    first.child.kill("SIGTERM")
    const { stdout } = await first.ended
    assert.notInclude(stdout, "Waiting for approval")

    const shares = join(home, "state", "ptth", "shares")
    const [file = ""] = readdirSync(shares)
    assert.strictEqual(statSync(join(shares, file)).mode & 0o777, 0o600)
    const [, key = ""] = /^api_key = "(.+)"$/m.exec(readFileSync(join(shares, file), "utf8")) ?? []
    assert.notInclude(stdout, key)

    const again = start(["share", "./Pictures", "--dotfiles"], { cwd: home, env })
    assert.strictEqual((await again.said(open))[1], at)
    const used = start([...words, "b.txt"], { cwd: home, env })
    assert.strictEqual((await used.said(open))[1], at, "the same name for another target")

    const stranger = start(["unix:../app.sock"], { cwd: home, env })
    const [, name = "", tripcode = ""] = await stranger.said(
      /^ {2}ptth relay approve ([a-z]+-[a-z]+) (\S{44})$/m,
    )
    assert.strictEqual((await run(["relay", "approve", name, tripcode], { cwd })).code, 0)
    const [, appAt = ""] = await stranger.said(open)
    assert.strictEqual(await (await fetch(`${appAt}x?y`)).text(), "app at /x?y")

    const spent = start([...words, "b.txt"], {
      cwd: home,
      env: { ...env, XDG_STATE_HOME: join(home, "other") },
    })
    await spent.said(/PTTH_TICKET_REFUSED/, "stderr")
    await spent.said(/Waiting for approval/)
    for (const running of [again, used, stranger, spent, relay]) {
      running.child.kill("SIGTERM")
      assert.strictEqual((await running.ended).code, 0)
    }
    app.close()
  }))

it("share refuses what it cannot share, before it makes a key", () =>
  inFolder(async (cwd) => {
    const env = { HOME: cwd, XDG_STATE_HOME: "", PTTH_RELAY: "http://127.0.0.1:9" }
    const cases: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
      [["share"], /^PTTH_USAGE: TARGET: it is missing/],
      [["share", "nothing-here"], /^PTTH_USAGE: TARGET: "nothing-here" is neither a port/],
      [["http", "3000", "--uploads"], /^PTTH_USAGE: --uploads: it is for folders/],
      [["3000", "--to-insecure"], /^PTTH_\S+: --to-insecure: .*https/],
      [["share", "3000", "--ticket", "x"], /^PTTH_USAGE: --ticket: it is not a ticket/],
      [["share", "3000", "--relay", "http://192.0.2.1"], /^PTTH_INSECURE_RELAY/],
      [["share", "3000", "--auth", "me"], /^PTTH_USAGE: --auth: PTTH_SHARE_AUTH_PASSWORD/],
    ]
    for (const [args, message] of cases) {
      const { code, stderr } = await run(args, { cwd, env })
      assert.strictEqual(code, 2, stderr)
      assert.match(stderr, message)
    }
    assert.deepStrictEqual(readdirSync(cwd), [])
  }))

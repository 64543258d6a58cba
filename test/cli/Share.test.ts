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

const startRelay = async (cwd: string) => {
  const relay = start(["relay", "--port", "0"], { cwd })
  const [, base = ""] = await relay.said(/^ {2}Listening +(http:\/\/\S+)/m)
  return { relay, base }
}

/** The line that an invitation prints for the machine of the server. */
const invite = async (cwd: string, args: ReadonlyArray<string>): Promise<string> => {
  const { code, stdout } = await run(["relay", "invite", ...args], { cwd })
  assert.strictEqual(code, 0)
  return stdout.split("\n")[0] ?? ""
}

const argumentsOf = (line: string): ReadonlyArray<string> => line.split(" ").slice(1)

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
    const { base, relay } = await startRelay(cwd)

    const unknown = await run(["share", "3000"], { cwd: home, env })
    assert.strictEqual(unknown.code, 2)
    assert.match(unknown.stderr, /^PTTH_USAGE: --relay: no relay is known yet\. .*config\.toml/)

    const line = await invite(cwd, ["attic", "--relay", base])
    assert.match(line, /^ptth share --relay http:\S+ --ticket attic\.\S{22}$/)
    const words = argumentsOf(line)
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

const inbox = /^ {2}Files +\S+Inbox \((.*)\)$/m
const signIn = /^ {2}Sign-in +(.*)$/m

it("a share that has asked for a password goes on asking, until it is told otherwise", () =>
  inFolder(async (cwd) => {
    const home = join(cwd, "home")
    mkdirSync(join(home, "Inbox"), { recursive: true })
    writeFileSync(join(home, "Inbox", "a.txt"), "mine\n")
    writeFileSync(join(home, "Inbox", "b.bak"), "hidden\n")
    const env = {
      HOME: home,
      XDG_STATE_HOME: join(home, "state"),
      XDG_CONFIG_HOME: "",
      XDG_RUNTIME_DIR: cwd,
    }
    const { base, relay } = await startRelay(cwd)
    const words = argumentsOf(await invite(cwd, ["attic", "--relay", base]))
    const hash = (await run(["hash-password"], { input: "sesame\n" })).stdout.trim()

    const served = async (args: ReadonlyArray<string>, more: Record<string, string> = {}) => {
      const share = start(args, { cwd: home, env: { ...env, ...more } })
      const [, at = ""] = await share.said(open)
      const statusOf = async (path: string, headers: Record<string, string> = {}) =>
        (await fetch(`${at}${path}`, { headers })).status
      const state = (await run(["status"], { cwd: home, env })).stdout
      return { share, at, statusOf, state }
    }
    const stop = async ({ share }: Awaited<ReturnType<typeof served>>) => {
      share.child.kill("SIGTERM")
      return (await share.ended).stdout
    }
    const basic = { authorization: `Basic ${Buffer.from("me:sesame").toString("base64")}` }
    const opened = ["--uploads", "--share-links"]
    const closed = ["--auth", "me", "--hidden", "*.bak"]
    const first = await served([...words, "./Inbox", ...opened, ...closed], {
      PTTH_SHARE_AUTH_PASSWORD: hash,
    })
    assert.strictEqual(await first.statusOf("files/a.txt"), 401)
    const firstText = await stop(first)
    assert.strictEqual(inbox.exec(firstText)?.[1], "visitors may upload, share links")
    assert.strictEqual(signIn.exec(firstText)?.[1], "me, by a password")
    assert.notMatch(firstText, /^ {2}Kept/m)
    const shares = join(home, "state", "ptth", "shares")
    const file = join(shares, readdirSync(shares)[0] ?? "")
    assert.strictEqual(statSync(file).mode & 0o777, 0o600)
    assert.include(readFileSync(file, "utf8"), hash)
    assert.notInclude(readFileSync(file, "utf8"), "sesame")

    const later = await served(["share", "./Inbox"])
    assert.strictEqual(later.at, first.at)
    assert.strictEqual(await later.statusOf("files/a.txt"), 401)
    assert.strictEqual(await later.statusOf("files/a.txt", basic), 200)
    assert.strictEqual(await later.statusOf("files/b.bak", basic), 404)
    assert.match(
      later.state,
      /^ {2}Serves +Files \S+Inbox \(read only\)\n {2}Sign-in +me, by a password$/m,
    )
    const laterText = await stop(later)
    assert.strictEqual(inbox.exec(laterText)?.[1], "read only", "what opens is said again")
    assert.match(laterText, /^ {2}Kept +--hidden \*\.bak, --auth me \(as before; --no-auth /m)

    const again = await served(["share", "./Inbox", "--auth", "me"])
    assert.strictEqual(await again.statusOf("files/a.txt", basic), 200, "the password before")
    await stop(again)

    const loft = argumentsOf(await invite(cwd, ["loft", "--relay", base]))
    const elsewhere = await served([...loft, "./Inbox"])
    assert.notStrictEqual(elsewhere.at, first.at)
    assert.strictEqual(await elsewhere.statusOf("files/a.txt"), 401, "another name of the same")
    await stop(elsewhere)

    const without = await served(["share", "./Inbox", "--no-auth", "--name", "attic"])
    assert.strictEqual(without.at, first.at)
    assert.strictEqual(await without.statusOf("files/a.txt"), 200)
    assert.match(without.state, /^ {2}Sign-in +none at this server$/m)
    await stop(without)
    const after = await served(["share", "./Inbox", "--name", "attic"])
    assert.strictEqual(await after.statusOf("files/a.txt"), 200)
    assert.strictEqual(await after.statusOf("files/b.bak"), 404)
    await stop(after)
    relay.child.kill("SIGTERM")
    await relay.ended
  }))

it("a ticket that replaces the key has the same machine make a new one, once", () =>
  inFolder(async (cwd) => {
    const home = join(cwd, "home")
    mkdirSync(home)
    writeFileSync(join(home, "b.txt"), "one file\n")
    const env = { HOME: home, XDG_STATE_HOME: join(home, "state"), XDG_CONFIG_HOME: "" }
    const { base, relay } = await startRelay(cwd)
    const invited = async (...more: ReadonlyArray<string>) => [
      ...argumentsOf(await invite(cwd, ["attic", "--relay", base, ...more])),
      "b.txt",
    ]
    const tripcodeAt = () =>
      /tripcode = "(.+)"/.exec(readFileSync(join(cwd, "servers.d", "attic.toml"), "utf8"))?.[1]
    const share = async (words: ReadonlyArray<string>) => {
      const sharing = start(words, { cwd: home, env })
      await sharing.said(open)
      sharing.child.kill("SIGTERM")
      const { stdout } = await sharing.ended
      assert.notInclude(stdout, "Waiting for approval")
      return /^ {2}Tripcode +(\S+)$/m.exec(stdout)?.[1]
    }
    const old = await share(await invited())
    assert.strictEqual(old, tripcodeAt())
    const renewing = await invited("--replace")
    const fresh = await share(renewing)
    assert.notStrictEqual(fresh, old)
    assert.strictEqual(fresh, tripcodeAt())
    assert.strictEqual(await share(renewing), fresh, "the same line again")
    const unused = await invited("--replace")
    const latest = await invited("--replace")
    const kept = start(unused, { cwd: home, env })
    await kept.said(/attic keeps the key that it has/, "stderr")
    await kept.said(open)
    assert.strictEqual(tripcodeAt(), fresh)
    kept.child.kill("SIGTERM")
    await kept.ended
    assert.strictEqual(await share(["share", "b.txt"]), fresh)
    assert.notStrictEqual(await share(latest), fresh)
    assert.strictEqual(readdirSync(join(home, "state", "ptth", "shares")).length, 1)
    relay.child.kill("SIGTERM")
    await relay.ended
  }))

it("standard output has nothing but lines of JSON where requests are logged as such", () =>
  inFolder(async (cwd) => {
    const env = { HOME: cwd, XDG_STATE_HOME: "", XDG_CONFIG_HOME: "" }
    writeFileSync(join(cwd, "b.txt"), "one file\n")
    const { base, relay } = await startRelay(cwd)
    const sharing = start(["share", "b.txt", "--relay", base, "--log-requests", "--qr"], {
      cwd,
      env,
    })
    const [, name = "", tripcode = ""] = await sharing.said(
      /^ {2}ptth relay approve ([a-z]+-[a-z]+) (\S{44})$/m,
      "stderr",
    )
    assert.strictEqual((await run(["relay", "approve", name, tripcode], { cwd })).code, 0)
    const [, at = ""] = await sharing.said(open, "stderr")
    await (await fetch(`${at}?a`)).text()
    await sharing.said(/"method":"GET"/)
    for (const running of [sharing, relay]) running.child.kill("SIGTERM")
    const { stdout } = await sharing.ended
    for (const line of stdout.trimEnd().split("\n")) assert.isObject(JSON.parse(line))
    await relay.ended
  }))

it("share refuses what it cannot share, before it makes a key", () =>
  inFolder(async (cwd) => {
    const env = { HOME: cwd, XDG_STATE_HOME: "", PTTH_RELAY: "http://127.0.0.1:9" }
    const cases: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
      [["share"], /^PTTH_USAGE: TARGET: it is missing/],
      [
        ["share", "http://ann:hush@127.0.0.1:1/?token=hush"],
        /^PTTH_USAGE: TARGET: "http:\/\/127.0.0.1:1\/\?token=\*\*\*" is neither a port/,
      ],
      [["share", "nothing-here"], /^PTTH_USAGE: TARGET: "nothing-here" is neither a port/],
      [["http", "3000", "--uploads"], /^PTTH_USAGE: --uploads: it is for folders/],
      [["3000", "--to-insecure"], /^PTTH_\S+: --to-insecure: .*https/],
      [["share", "3000", "--ticket", "x"], /^PTTH_USAGE: --ticket: it is not a ticket/],
      [["share", "3000", "--relay", "http://192.0.2.1"], /^PTTH_INSECURE_RELAY/],
      [["share", "3000", "--auth", "me"], /^PTTH_USAGE: --auth: PTTH_SHARE_AUTH_PASSWORD/],
      [
        ["share", ".", "--no-auth", "--users-file", "x"],
        /^PTTH_USAGE: --no-auth: there is --users/,
      ],
    ]
    for (const [args, message] of cases) {
      const { code, stderr } = await run(args, { cwd, env })
      assert.strictEqual(code, 2, stderr)
      assert.match(stderr, message)
    }
    assert.deepStrictEqual(readdirSync(cwd), [])
  }))

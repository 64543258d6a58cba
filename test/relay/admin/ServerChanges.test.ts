/**
 * An administrator changes registered servers: each change is shown, confirmed
 * once, written to `servers.d`, in force at once and in the audit log.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { tripcodeOfText } from "../../../src/domain/ApiKey.ts"
import * as Approval from "../../../src/relay/registry/Approval.ts"
import * as AdminCluster from "../../support/AdminCluster.ts"
import { type AdminRelay, adminRelay, post } from "../../support/AdminHarness.ts"
import * as Harness from "../../support/Harness.ts"

const attic = Approval.toToml("attic", tripcodeOfText(Harness.keyOf("attic")))

const fileOf = ({ folder }: AdminRelay, name: string): string =>
  path.join(folder, "servers.d", `${name}.toml`)

/** Registers a server in a file of its own. */
const register = (on: AdminRelay, name = "attic", text = attic) =>
  Effect.suspend(() => {
    fs.mkdirSync(path.join(on.folder, "servers.d"), { recursive: true })
    fs.writeFileSync(fileOf(on, name), text)
    return on.settings.reload
  })

const idOf = ({ text }: Harness.Visited): string =>
  /name="id" value="([^"]+)"/.exec(text)?.[1] ?? ""

const changes = (on: AdminRelay) =>
  on
    .events()
    .flatMap((event) =>
      event._tag === "ServerChanged" ? [[event.name, event.change, event.by]] : [],
    )

/** An administrator who is logged in. */
const administrator = Effect.fnUntraced(function* (on: AdminRelay) {
  const session = yield* on.logIn
  const send = (target: string, form: Readonly<Record<string, string>>) =>
    post(on.admin, target, form, session)
  return {
    get: (target: string) =>
      Harness.visit(on.admin, target, {
        headers: [
          ["Cookie", session],
          ["Accept", "text/html"],
        ],
      }),
    send,
    plan: (form: Readonly<Record<string, string>>, name = "attic") =>
      send(`/servers/${name}/plan`, form),
    apply: (id: string, name = "attic") => send(`/servers/${name}/apply`, { id }),
  }
})

describe("an administrator", () => {
  it.effect("pauses a server that stays connected, and resumes it", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay()
      yield* register(on)
      const me = yield* administrator(on)
      yield* Harness.serverAt(on.relay.url, "attic", Harness.echo)
      assert.strictEqual((yield* Harness.get(on.relay, "/servers/attic/")).status, 200)
      const planned = yield* me.plan({ act: "pause" })
      assert.include(planned.text, '<span class="added">+ paused = true</span>')
      assert.strictEqual(fs.readFileSync(fileOf(on, "attic"), "utf8"), attic)
      const applied = yield* me.apply(idOf(planned))
      assert.strictEqual(applied.header("location"), "/servers/attic/settings")
      assert.strictEqual(fs.readFileSync(fileOf(on, "attic"), "utf8"), `${attic}paused = true\n`)
      const refused = yield* Harness.get(on.relay, "/servers/attic/")
      assert.strictEqual(refused.status, 503)
      assert.include(refused.text, "PTTH_SERVER_PAUSED")
      assert.include((yield* me.get("/")).text, "paused")
      yield* me.apply(idOf(yield* me.plan({ act: "resume" })))
      assert.strictEqual((yield* Harness.get(on.relay, "/servers/attic/")).status, 200)
      assert.deepStrictEqual(changes(on), [
        ["attic", "paused", "login link"],
        ["attic", "resumed", "login link"],
      ])
    }),
  )

  it.effect("makes each change once, whoever confirms it how often", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay()
      yield* register(on)
      const me = yield* administrator(on)
      const id = idOf(yield* me.plan({ act: "pause" }))
      assert.strictEqual((yield* me.apply(id)).status, 303)
      const again = yield* me.apply(id)
      assert.strictEqual(again.status, 409)
      assert.include(again.text, "PTTH_CANNOT_CHANGE")
      assert.include(again.text, "Look at the server's settings again")
      assert.strictEqual((yield* me.apply("made up")).status, 409)
      assert.lengthOf(changes(on), 1)
    }),
  )

  it.effect("renames a server and its file, after which its owner needs the new name", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay()
      yield* register(on)
      const me = yield* administrator(on)
      const applied = yield* me.apply(idOf(yield* me.plan({ act: "rename", to: "loft" })))
      assert.strictEqual(applied.header("location"), "/servers/loft/settings")
      assert.isFalse(fs.existsSync(fileOf(on, "attic")))
      assert.strictEqual(
        fs.readFileSync(fileOf(on, "loft"), "utf8"),
        attic.replace("attic", "loft"),
      )
      assert.deepStrictEqual(
        on.settings.current().servers.map(({ name }) => name),
        ["loft"],
      )
      assert.deepStrictEqual(changes(on), [["attic", "renamed to loft", "login link"]])
    }),
  )

  it.effect("gets a new key for a server, once, and drops the old one later", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay()
      yield* register(on)
      const me = yield* administrator(on)
      const shown = yield* me.apply(idOf(yield* me.plan({ act: "new key", keeps: "yes" })))
      const key = /api_key = "(\w+)"/.exec(shown.text)?.[1] ?? ""
      const [old, fresh] = on.settings.current().servers[0]?.tripcodes ?? []
      assert.strictEqual(tripcodeOfText(key), fresh)
      const dropped = yield* me.apply(
        idOf(yield* me.plan({ act: "drop key", tripcode: old ?? "" })),
      )
      assert.strictEqual(dropped.status, 303)
      assert.strictEqual(
        fs.readFileSync(fileOf(on, "attic"), "utf8"),
        Approval.toToml("attic", fresh ?? ""),
      )
      assert.notInclude(JSON.stringify(on.events()), key)
      assert.notInclude((yield* me.get("/servers/attic/settings")).text, key)
      assert.deepStrictEqual(
        changes(on).map(([, change]) => change),
        ["a key added", "a key removed"],
      )
    }),
  )

  it.effect("removes a server and disconnects another", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay()
      yield* register(on)
      const me = yield* administrator(on)
      const server = yield* Harness.serverAt(on.relay.url, "attic", Harness.echo)
      const connections = () => on.events().filter(({ _tag }) => _tag === "ServerConnected").length
      yield* Harness.until("it is connected", () => connections() === 1)
      assert.strictEqual((yield* me.send("/servers/attic/disconnect", {})).status, 303)
      yield* Harness.until("its links are closed", () =>
        on.events().some(({ _tag }) => _tag === "ServerDisconnected"),
      )
      assert.isTrue(on.events().some(({ _tag }) => _tag === "ServerCutOff"))
      yield* server.stop
      const planned = yield* me.plan({ act: "remove" })
      assert.include(planned.text, "is removed:")
      assert.strictEqual((yield* me.apply(idOf(planned))).header("location"), "/")
      assert.isFalse(fs.existsSync(fileOf(on, "attic")))
      assert.strictEqual((yield* me.get("/servers/attic")).status, 404)
    }),
  )

  it.effect("ends an invitation for the name of a server that is removed or renamed", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay()
      const me = yield* administrator(on)
      const invitation = (name: string) =>
        path.join(on.folder, "servers.d", `.invitation-${name}.json`)
      for (const [name, change] of [
        ["attic", { act: "remove" }],
        ["cellar", { act: "rename", to: "basement" }],
      ] as const) {
        yield* register(on, name, Approval.toToml(name, tripcodeOfText(name)))
        yield* me.send("/invite", { name, replaces: "yes" })
        assert.isTrue(fs.existsSync(invitation(name)))
        yield* me.apply(idOf(yield* me.plan(change, name)), name)
        assert.isFalse(fs.existsSync(invitation(name)))
      }
    }),
  )

  it.effect("sees no hash of a password in a comparison", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay()
      const hash =
        "$scrypt$ln=4,r=8,p=1$JrnxUhF6+6rQltH6Jl2sbw$2zU5M6heYC2gemlgN26nUnmihVbJ9PAbmJqdrFA/YUU"
      yield* register(on, "attic", `${attic}[servers.auth.users]\nann = "${hash}"\n`)
      const { text } = yield* (yield* administrator(on)).plan({ act: "pause" })
      assert.include(text, "ann = &quot;***&quot;")
      assert.notInclude(text, "scrypt")
    }),
  )

  it.effect.each([
    [{ act: "rename", to: "cellar" }, 409, "PTTH_ALREADY_REGISTERED"],
    [{ act: "rename", to: "a b" }, 422, "PTTH_BAD_APPROVAL"],
    [
      { act: "drop key", tripcode: tripcodeOfText(Harness.keyOf("attic")) },
      422,
      "PTTH_BAD_APPROVAL",
    ],
    [{ act: "explode" }, 400, "PTTH_BAD_REQUEST"],
    [{}, 400, "PTTH_BAD_REQUEST"],
  ] as ReadonlyArray<[Readonly<Record<string, string>>, number, string]>)(
    "cannot do %j",
    ([form, status, code]) =>
      Effect.gen(function* () {
        const on = yield* adminRelay()
        yield* register(on)
        yield* register(on, "cellar", Approval.toToml("cellar", tripcodeOfText("x")))
        const me = yield* administrator(on)
        const refused = yield* me.plan(form)
        assert.strictEqual(refused.status, status)
        assert.include(refused.text, code)
      }),
  )

  it.effect("is told that a server in the relay's own file is not changed from a page", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay(attic)
      const me = yield* administrator(on)
      const page = (yield* me.get("/servers/attic/settings")).text
      assert.include(page, "Pages change only files of")
      assert.include(page, "30 s (the relay's; the server may ask for another)")
      assert.notInclude(page, 'value="pause"')
      assert.strictEqual((yield* me.plan({ act: "pause" })).status, 409)
    }),
  )

  it.effect("does not overwrite what somebody else has written meanwhile", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay()
      yield* register(on)
      const me = yield* administrator(on)
      const id = idOf(yield* me.plan({ act: "pause" }))
      fs.writeFileSync(fileOf(on, "attic"), `${attic}inspect = true\n`)
      assert.strictEqual((yield* me.apply(id)).status, 409)
      assert.strictEqual(fs.readFileSync(fileOf(on, "attic"), "utf8"), `${attic}inspect = true\n`)
    }),
  )

  it.effect("changes a server at all machines", () =>
    Effect.gen(function* () {
      const [a, b] = yield* AdminCluster.start(["a", "b"], "")
      for (const one of [a, b]) yield* register(one)
      const me = yield* administrator(a)
      const applied = yield* me.apply(idOf(yield* me.plan({ act: "pause" })))
      assert.strictEqual(applied.status, 303)
      for (const one of [a, b]) {
        assert.include(fs.readFileSync(fileOf(one, "attic"), "utf8"), "paused = true")
        assert.isTrue(one.settings.current().servers[0]?.paused)
      }
      fs.rmSync(fileOf(b, "attic"))
      yield* b.settings.reload
      const missed = yield* me.apply(idOf(yield* me.plan({ act: "resume" })))
      assert.match(missed.text, /Partly done[\s\S]*b: /)
      assert.isFalse(a.settings.current().servers[0]?.paused)
    }),
  )
})

describe("approving on the page", () => {
  it.effect("needs a tick that the words were compared", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay()
      const me = yield* administrator(on)
      const form = { name: "attic", tripcode: tripcodeOfText("x") }
      const refused = yield* me.send("/unregistered/approve", form)
      assert.strictEqual(refused.status, 400)
      assert.include(refused.text, "Compare the words")
      const approved = yield* me.send("/unregistered/approve", { ...form, compared: "yes" })
      assert.strictEqual(approved.header("location"), "/servers/attic?approved")
      assert.include((yield* me.get("/servers/attic?approved")).text, "Approved.")
    }),
  )
})

describe("an invitation on the page", () => {
  it.effect("shows a command with a ticket once, and is in the audit log without it", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay('public_url = "https://relay.example"\n')
      const me = yield* administrator(on)
      const page = yield* me.send("/invite", { name: "loft" })
      const command = /ptth share --relay (\S+) --ticket (\S+)/.exec(page.text)
      assert.strictEqual(command?.[1], "https://relay.example")
      const invited = on.events().find(({ _tag }) => _tag === "ServerInvited")
      assert.deepInclude(invited, { name: "loft", by: "login link" })
      assert.notInclude(JSON.stringify(on.events()), command?.[2] ?? "?")
      assert.strictEqual((yield* me.send("/invite", { name: "a b" })).status, 422)
    }),
  )

  it.effect("replaces the key of a registered server only if that is wanted", () =>
    Effect.gen(function* () {
      const on = yield* adminRelay()
      yield* register(on)
      const me = yield* administrator(on)
      assert.strictEqual((yield* me.send("/invite", { name: "attic" })).status, 409)
      const page = yield* me.send("/invite", { name: "attic", replaces: "yes" })
      assert.strictEqual(page.status, 200)
      assert.include(page.text, "The old key stays valid until")
      assert.strictEqual(fs.readFileSync(fileOf(on, "attic"), "utf8"), attic)
    }),
  )
})

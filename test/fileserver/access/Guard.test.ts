/** Sign-in to a file server with users by Basic, token and session, and what each user may do. */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { tripcodeOfText } from "../../../src/domain/ApiKey.ts"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import type { AccessOptions } from "../../../src/fileserver/access/Guard.ts"
import * as FileServer from "../../../src/fileserver/FileServer.ts"
import * as Body from "../../../src/transport/body/Body.ts"
import * as Assets from "../../../src/web/Assets.ts"
import { callHandler } from "../../support/callHandler.ts"
import { cheapHash } from "../../support/cheapHash.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const rules = (): AccessOptions => ({
  users: [
    { user: "ann", password: cheapHash("a pässword"), rule: { manage: ["/own"] } },
    { user: "bob", password: cheapHash("b"), rule: { read: ["/photos/2024"], upload: ["/inbox"] } },
  ],
  tokens: [{ tripcode: tripcodeOfText("robot"), rule: { read: [], upload: ["/inbox"] } }],
})

const site = async (
  more: Partial<AccessOptions> = {},
  options: Partial<FileServer.FileServerOptions> = {},
) => {
  const root = path.join(temporaryFolder(), "root")
  for (const name of [
    "photos/2024/a.jpg",
    "photos/2025/b.jpg",
    "inbox/x",
    "own/y",
    "public/p.txt",
  ]) {
    fs.mkdirSync(path.dirname(path.join(root, name)), { recursive: true })
    fs.writeFileSync(path.join(root, name), name)
  }
  fs.symlinkSync("../../own/y", path.join(root, "photos", "2024", "link"))
  const handler = await Effect.runPromise(
    FileServer.make({ root, access: { ...rules(), ...more }, title: "attic", ...options }),
  )
  const call = (method: string, target: string, headers: HeaderList = [], body = "") =>
    callHandler(handler, { method, target, headers, body: Body.fromText(body) })
  return { root, handler, call }
}

const basic = (user: string, password: string): readonly [string, string] => [
  "Authorization",
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`,
]
const ann = basic("ann", "a pässword")
const bob = basic("bob", "b")
const robot = ["Authorization", "Bearer robot"] as const
const browser: HeaderList = [
  ["Accept", "text/html,*/*;q=0.8"],
  ["Sec-Fetch-Mode", "navigate"],
  ["Sec-Fetch-Site", "none"],
]
const form = ["Content-Type", "application/x-www-form-urlencoded"] as const

describe("a file server with users", () => {
  it("lets nobody in without a name", async () => {
    const { call } = await site()
    for (const [method, target] of [
      ["GET", "/files/"],
      ["GET", "/files/public/p.txt"],
      ["GET", "/api/v1/dir/"],
      ["GET", "/metrics"],
      ["HEAD", "/files/none"],
      ["OPTIONS", "/files/"],
      ["PROPFIND", "/files/"],
      ["PUT", "/files/inbox/new"],
      ["POST", "/files/inbox/"],
    ] as const) {
      const answer = await call(method, target)
      assert.strictEqual(answer.status, 401, `${method} ${target}`)
      assert.strictEqual(answer.header("www-authenticate"), 'Basic realm="attic", charset="UTF-8"')
    }
    assert.strictEqual((await call("GET", `/${Assets.style.path}`)).status, 200)
  })

  it("knows its users by Basic and its programs by a token", async () => {
    const { call } = await site()
    assert.strictEqual((await call("GET", "/files/own/y", [ann])).text, "own/y")
    assert.strictEqual((await call("GET", "/files/own/y", [bob])).status, 404)
    assert.strictEqual((await call("GET", "/files/own/y", [basic("ann", "b")])).status, 401)
    assert.strictEqual((await call("GET", "/files/own/y", [basic("eve", "")])).status, 401)
    assert.strictEqual(
      (await call("GET", "/files/own/y", [["Authorization", "Bearer x"]])).status,
      401,
    )
    assert.strictEqual((await call("PUT", "/files/inbox/new", [robot], "x")).status, 201)
  })

  it("shows each what it may read, by every way", async () => {
    const { call } = await site()
    const names = async (target: string, who: readonly [string, string]) =>
      (await call("GET", `${target}?plain`, [who])).text.trim().split("\n")
    assert.deepStrictEqual(await names("/files/", ann), ["inbox/", "own/", "photos/", "public/"])
    assert.deepStrictEqual(await names("/files/", bob), ["inbox/", "photos/"])
    assert.deepStrictEqual(await names("/files/photos/", bob), ["2024/"])
    // A link leads to something that bob may not read.
    assert.deepStrictEqual(await names("/files/photos/2024/", bob), ["a.jpg"])
    assert.deepStrictEqual(await names("/files/inbox/", bob), [""])
    for (const target of [
      "/files/photos/2025/",
      "/files/photos/2025/b.jpg",
      "/files/photos/2024/link",
      "/files/public/p.txt",
      "/files/inbox/x",
      "/api/v1/dir/own/",
    ])
      assert.strictEqual((await call("GET", target, [bob])).status, 404, target)
    const found = await call("GET", "/files/?q=b.jpg&json", [bob])
    assert.notInclude(found.text, "2025")
    const archive = await call("GET", "/files/?archive=tar", [bob])
    assert.include(archive.text, "photos/2024/a.jpg")
    for (const secret of ["2025", "own/y", "public", "inbox/x"])
      assert.notInclude(archive.text, secret)
    const dav = await call("PROPFIND", "/files/photos/", [bob, ["Depth", "infinity"]])
    assert.include(dav.text, "/files/photos/2024/a.jpg")
    assert.notInclude(dav.text, "2025")
  })

  it("lets each change what it may", async () => {
    const { call } = await site()
    assert.strictEqual((await call("PUT", "/files/own/new", [ann], "x")).status, 201)
    assert.strictEqual((await call("DELETE", "/files/own/y", [ann])).status, 204)
    assert.strictEqual((await call("DELETE", "/files/public/p.txt", [ann])).status, 403)
    assert.strictEqual((await call("PUT", "/files/inbox/new", [ann], "x")).status, 403)
    assert.strictEqual((await call("PUT", "/files/inbox/new", [bob], "x")).status, 201)
    assert.strictEqual((await call("PUT", "/files/inbox/new", [bob], "x")).status, 409)
    assert.strictEqual((await call("PUT", "/files/photos/2024/new", [bob], "x")).status, 403)
    assert.strictEqual((await call("PUT", "/files/own/new", [bob], "x")).status, 403)
    const tus = await call("POST", "/files/inbox/", [
      robot,
      ["Tus-Resumable", "1.0.0"],
      ["Upload-Length", "1"],
      ["Upload-Metadata", "filename YQ=="],
    ])
    assert.strictEqual(tus.status, 201)
    const moved = await call("MOVE", "/files/own/new", [
      ann,
      ["Host", "x"],
      ["Destination", "http://x/files/public/new"],
    ])
    assert.strictEqual(moved.status, 403)
  })

  it("lets users do what everybody may, as far as they may read", async () => {
    const { call } = await site({}, { uploads: { overwrite: false } })
    assert.strictEqual((await call("PUT", "/files/public/new", [ann], "x")).status, 201)
    assert.strictEqual((await call("PUT", "/files/photos/2024/new", [bob], "x")).status, 403)
    assert.strictEqual((await call("PUT", "/files/new", [robot], "x")).status, 403)
  })

  it("lets visitors without a name do what the rules say, and asks for one for more", async () => {
    const { call } = await site({ visitors: { read: ["/public"] } })
    assert.strictEqual((await call("GET", "/files/public/p.txt")).text, "public/p.txt")
    assert.strictEqual((await call("GET", "/files/?plain")).text, "public/\n")
    assert.strictEqual((await call("GET", "/files/own/y")).status, 401)
    assert.strictEqual((await call("PUT", "/files/public/new", [], "x")).status, 401)
    assert.strictEqual((await call("GET", "/files/own/y", [ann])).status, 200)
  })

  it("lets nobody give others what he may not read himself", async () => {
    const shareLinks = path.join(temporaryFolder(), "links.json")
    const { call } = await site({}, { shareLinks })
    const share = (target: string, who: readonly [string, string]) =>
      call("POST", `${target}?share`, [who, form, ["Accept", "application/json"], ["Host", "h"]])
    for (const target of ["/files/", "/files/photos/"])
      assert.strictEqual((await share(target, bob)).status, 403, target)
    assert.strictEqual((await share("/files/own/", bob)).status, 404)
    const made = await share("/files/photos/2024/", bob)
    assert.strictEqual(made.status, 200)
    const { pathname } = new URL((JSON.parse(made.text) as { readonly url: string }).url)
    assert.strictEqual((await call("GET", `${pathname}a.jpg`)).text, "photos/2024/a.jpg")
    assert.strictEqual((await call("GET", `${pathname}link`)).status, 404)
    assert.strictEqual((await share("/files/", ann)).status, 200)
    const revoke = (who: readonly [string, string]) =>
      call("POST", "/files/photos/2024/?share", [who, form], "revoke=all")
    assert.strictEqual((await revoke(bob)).status, 403)
    const asked = await call("GET", "/files/photos/2024/?share", [bob])
    assert.strictEqual(asked.status, 200)
    assert.notInclude(asked.text, "revoke")
    assert.strictEqual((await call("GET", `${pathname}a.jpg`)).status, 200)
    assert.include((await call("GET", "/files/?share", [ann])).text, 'name="revoke"')
    assert.strictEqual((await revoke(ann)).status, 200)
    assert.strictEqual((await call("GET", `${pathname}a.jpg`)).status, 410)
  })

  it("marks responses as private, and takes the secrets off requests", async () => {
    const { call } = await site()
    const answer = await call("GET", "/files/own/y", [ann])
    assert.strictEqual(answer.header("cache-control"), "private, no-cache")
  })
})

describe("who may change one folder and upload to another", () => {
  it("cannot copy what others have uploaded to where it can be read", async () => {
    const rule = { read: [], upload: ["/inbox"], manage: ["/own"] }
    const { call, root } = await site({ visitors: rule })
    const destination = (name: string) => ["Destination", `/files/own/${name}`] as const
    for (const [source, name] of [
      ["/files/inbox/x", "x"],
      ["/files/photos/2024/a.jpg", "a.jpg"],
    ] as const) {
      assert.isAtLeast((await call("COPY", source, [destination(name)])).status, 401, source)
      assert.isFalse(fs.existsSync(path.join(root, "own", name)), source)
    }
    await call("COPY", "/files/inbox/", [destination("all")])
    assert.isFalse(fs.existsSync(path.join(root, "own", "all", "x")))
    const copy = await call("POST", "/files/inbox/?change=copy", [form], "entry=x&to=%2Fown")
    assert.isAtLeast(copy.status, 401)
    assert.deepStrictEqual(fs.readdirSync(path.join(root, "own")), ["all", "y"])
    assert.strictEqual((await call("COPY", "/files/own/y", [destination("z")])).status, 201)
    assert.strictEqual((await call("PUT", "/files/inbox/new", [], "x")).status, 201)
  })
})

describe("the page to sign in", () => {
  const signIn = async (
    made: Awaited<ReturnType<typeof site>>,
    fields: Record<string, string>,
    headers: HeaderList = [],
  ) => made.call("POST", "/sign-in", [form, ...headers], new URLSearchParams(fields).toString())

  it("takes the place of a page, without the browser's own box", async () => {
    const { call } = await site()
    const answer = await call("GET", "/files/own/?grid", browser)
    assert.strictEqual(answer.status, 401)
    assert.notInclude(answer.header("www-authenticate") ?? "", "Basic")
    assert.include(answer.text, `action="../../sign-in"`)
    assert.include(answer.text, `name="to" value="files/own/?grid"`)
    assert.include(answer.text, "Sign in to attic")
    // What a page loads opens no box either.
    const loaded = await call("GET", "/files/own/y", [["Sec-Fetch-Mode", "cors"]])
    assert.notInclude(loaded.header("www-authenticate") ?? "", "Basic")
    assert.strictEqual((await call("GET", "/sign-in", browser)).status, 200)
  })

  it("begins a session that a browser keeps, and ends it", async () => {
    const made = await site()
    const answer = await signIn(made, { user: "ann", password: "a pässword", to: "files/own/" })
    assert.strictEqual(answer.status, 303)
    assert.strictEqual(answer.header("location"), "./files/own/")
    const cookie = answer.header("set-cookie") ?? ""
    assert.match(cookie, /; Path=\/; HttpOnly; SameSite=Lax$/)
    const session = ["Cookie", `a=b; ${cookie.split(";", 1)[0]}; c=d`] as const
    assert.strictEqual(
      (await made.call("GET", "/files/own/y", [session, ...browser])).text,
      "own/y",
    )
    const tampered = ["Cookie", (cookie.split(";", 1)[0] as string).replace("=", "=A")] as const
    assert.strictEqual((await made.call("GET", "/files/own/y", [tampered])).status, 401)
    const kept = await signIn(made, { user: "ann", password: "a pässword", remember: "yes" }, [
      ["X-Forwarded-Proto", "https"],
      ["X-Forwarded-Host", "x"],
      ["Origin", "https://x"],
    ])
    assert.match(kept.header("set-cookie") ?? "", /; Max-Age=2592000; Secure$/)
    const out = await made.call("POST", "/sign-out", [session])
    assert.match(out.header("set-cookie") ?? "", /^files_session=;.*Max-Age=0/)
  })

  it("has the name that the site has at the time", async () => {
    let title = "attic"
    const { call } = await site({}, { title: () => title })
    assert.include((await call("GET", "/files/", browser)).text, "Sign in to attic")
    title = "cellar"
    assert.include((await call("GET", "/files/", browser)).text, "Sign in to cellar")
  })

  it("says that the password is wrong, and keeps the name and the place", async () => {
    const made = await site()
    const answer = await signIn(made, { user: '"ann"', password: "x", to: "files/" })
    assert.strictEqual(answer.status, 401)
    assert.include(answer.text, "The user name or the password is wrong.")
    assert.include(answer.text, `value="&quot;ann&quot;"`)
    assert.include(answer.text, `value="files/"`)
  })

  it("leads nowhere else, and takes no form of another site", async () => {
    const made = await site()
    for (const to of [
      "//evil.example",
      "/\\evil.example",
      "https://evil.example",
      "../x",
      "a/../../x",
      "\n//x",
      "..?x",
      "a/..#x",
      "%2e%2E/x",
      ".%2e/%2e./x",
    ]) {
      const answer = await signIn(made, { user: "bob", password: "b", to })
      assert.strictEqual(answer.header("location"), "./", to)
    }
    const searching = "files/?q=../a//b:c"
    const there = await signIn(made, { user: "bob", password: "b", to: searching })
    assert.strictEqual(there.header("location"), `./${searching}`)
    const crossSite: HeaderList = [["Sec-Fetch-Site", "cross-site"]]
    for (const target of ["/sign-in", "/sign-out"]) {
      const refused = made.call("POST", target, [form, ...crossSite], "user=bob&password=b")
      await refused.then(
        () => assert.fail("it was answered"),
        (error: { readonly code: string }) => assert.strictEqual(error.code, "PTTH_CHANGE_REFUSED"),
      )
    }
  })

  it("limits how often passwords can be guessed", async () => {
    const made = await site()
    let status = 401
    for (let i = 0; i < 20 && status === 401; i++)
      status = (await signIn(made, { user: "bob", password: `${i}` })).status
    assert.strictEqual(status, 429)
  })
})

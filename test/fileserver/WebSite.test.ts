/**
 * A folder as a site, and what crawlers and programs get besides the files:
 * robots.txt, digests, archives of chosen entries.
 */
import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import type { HeaderList } from "../../src/domain/HeaderList.ts"
import * as Body from "../../src/transport/body/Body.ts"
import { callHandler } from "../support/callHandler.ts"
import { bytesOf, servedFolder } from "../support/servedFolder.ts"
import { untilClosed } from "../support/temporaryFolder.ts"

const page: HeaderList = [["Accept", "text/html"]]

const files = {
  "index.html": "<h1>Home</h1>",
  "404.html": "<h1>Not here</h1>",
  "app.js": "let x",
  "sub/index.html": "<h1>Sub</h1>",
  "plain/a.txt": "a",
}

describe("a site", () => {
  it("has index.html in place of listings, and is at the top as well as below files/", async () => {
    const { base, get } = await servedFolder(files, { index: true })
    for (const [target, expected] of [
      ["/", "<h1>Home</h1>"],
      ["/files/", "<h1>Home</h1>"],
      ["/sub/", "<h1>Sub</h1>"],
      ["/files/sub/", "<h1>Sub</h1>"],
      ["/app.js", "let x"],
    ] as const) {
      const answer = await get(target, page)
      assert.deepStrictEqual([answer.status, answer.text], [200, expected], target)
    }
    for (const target of ["/?code=1&state=2", "/sub/?utm_source=x", "/files/?sort=name"]) {
      assert.include((await get(target, page)).text, "<h1>", target)
      assert.notInclude((await get(target, page)).text, "data-name", target)
    }
    assert.include((await get("/plain/", page)).text, 'data-name="a.txt"')
    assert.strictEqual((await get("/sub", page)).header("location"), "sub/")
    assert.strictEqual((await get("/", page)).header("content-security-policy"), "sandbox")
    assert.include((await get("/files/?json")).text, '"index.html"')
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("has its folder .well-known, and nothing else whose name begins with a dot", async () => {
    const dotted = {
      ...files,
      ".well-known/security.txt": "Contact: x",
      ".well-known/.env": "secret",
      ".well-knownish/a": "no",
      "sub/.well-known/a": "no",
      ".env": "secret",
    }
    for (const options of [{ index: true }, { spa: true }, { index: true, manage: {} }]) {
      const { base, get } = await servedFolder(dotted, options)
      for (const target of ["/.well-known/security.txt", "/files/%2Ewell-known/security.txt"]) {
        const answer = await get(target)
        assert.deepStrictEqual([answer.status, answer.text], [200, "Contact: x"], target)
      }
      for (const target of [
        "/.well-known/.env",
        "/.well-knownish/a",
        "/sub/.well-known/a",
        "/files/sub/.well-known/a",
        "/.env",
      ])
        assert.strictEqual((await get(target)).status, 404, target)
      assert.notInclude((await get("/files/?json")).text, "well-known")
      assert.deepStrictEqual(await untilClosed(base), [])
    }
    const folder = await servedFolder(dotted)
    for (const target of ["/.well-known/security.txt", "/files/.well-known/security.txt"])
      assert.strictEqual((await folder.get(target)).status, 404, target)
  })

  it("answers for what does not exist with its 404.html, or as an application with index.html", async () => {
    const site = await servedFolder(files, { index: true })
    const absent = await site.get("/nothing/here", page)
    assert.deepStrictEqual([absent.status, absent.text], [404, "<h1>Not here</h1>"])
    assert.strictEqual(
      (await site.get("/nothing.png")).header("content-type"),
      "text/plain; charset=utf-8",
    )
    const app = await servedFolder(files, { spa: true, trustedContent: true })
    const route = await app.get("/some/route", page)
    assert.deepStrictEqual([route.status, route.text], [200, "<h1>Home</h1>"])
    assert.isUndefined(route.header("content-security-policy"))
    assert.strictEqual((await app.get("/some/script.js")).status, 404)
    assert.strictEqual((await app.get("/api/v1/dir/nothing/", page)).status, 404)
    assert.deepStrictEqual(await untilClosed(site.base), [])
  })

  it("has its own files where the file server has some, too", async () => {
    const own = {
      "index.html": "<h1>Home</h1>",
      "favicon.svg": "<svg/>",
      "assets/app.js": "let own",
      "assets/style.css": "own {}",
      metrics: "own 1",
      "status/index.html": "<h1>Status</h1>",
      "404.html": "<h1>Not here</h1>",
      "share/index.html": "<h1>Share</h1>",
    }
    const options = { index: true, shareLinks: "/none/share-links" }
    const { base, get } = await servedFolder(own, options)
    for (const [name, content] of Object.entries(own)) {
      if (name.endsWith(".html")) continue
      assert.strictEqual((await get(`/${name}`)).text, content, name)
    }
    assert.strictEqual((await get("/share/", page)).text, "<h1>Share</h1>")
    assert.strictEqual((await get("/share/e30.AAAA/", page)).status, 410)
    assert.include((await get("/assets/theme.js")).text, "theme")
    assert.strictEqual((await get("/status", page)).header("location"), "status/")
    assert.strictEqual((await get("/status/", page)).text, "<h1>Status</h1>")
    assert.strictEqual((await get("/.well-known/none", page)).text, "<h1>Not here</h1>")
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("has pages with any parameters at the top", async () => {
    const site = await servedFolder(files, { index: true })
    for (const target of ["/?page=2", "/?q=x&kind=y", "/?sort=size", "/sub/?view=list&download"]) {
      const answer = await site.get(target, page)
      assert.deepStrictEqual([answer.status, answer.text.slice(0, 4)], [200, "<h1>"], target)
      assert.isUndefined(answer.header("content-disposition"), target)
    }
    assert.include((await site.get("/plain/?sort=size", page)).text, 'data-name="a.txt"')
    assert.include((await site.get("/files/?sort=size", page)).text, 'data-name="app.js"')
    const app = await servedFolder(files, { spa: true })
    for (const target of ["/status", "/metrics?view=cpu", "/a/route?download"]) {
      const route = await app.get(target, page)
      assert.deepStrictEqual([route.status, route.text], [200, "<h1>Home</h1>"], target)
      assert.isUndefined(route.header("content-disposition"), target)
    }
    assert.include((await app.get("/metrics")).text, "# HELP")
    assert.include((await app.get("/robots.txt", page)).text, "User-agent")
  })

  it("has a 404.html in its own encoding, of any size, which is always sent whole", async () => {
    const big = `<meta charset="windows-1252"><p>\xe4${" ".repeat(2_000_000)}`
    const { base, get, head } = await servedFolder(
      { "404.html": Buffer.from(big, "latin1") },
      { index: true },
    )
    const answer = await get("/none", page)
    assert.deepStrictEqual([answer.status, answer.body.length], [404, big.length])
    assert.strictEqual(answer.header("content-type"), "text/html")
    const again: HeaderList = [
      ...page,
      ["If-None-Match", answer.header("etag") ?? ""],
      ["Range", "bytes=0-3"],
    ]
    for (let i = 0; i < 2; i++) {
      const repeated = await get("/none", again)
      assert.deepStrictEqual([repeated.status, repeated.body.length], [404, big.length])
    }
    assert.strictEqual((await head("/none", page)).status, 404)
    assert.strictEqual((await get("/404.html", page)).status, 200)
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("is off unless it is asked for", async () => {
    const { get } = await servedFolder(files)
    assert.include((await get("/files/", page)).text, 'data-name="index.html"')
    assert.strictEqual((await get("/app.js")).status, 404)
    assert.notInclude((await get("/files/none", page)).text, "Not here")
    assert.strictEqual((await get("/", page)).header("location"), "files/")
  })
})

describe("robots.txt", () => {
  it("keeps crawlers from addresses with parameters; a site has its own", async () => {
    const { get } = await servedFolder({ "robots.txt": "own" })
    assert.include((await get("/robots.txt")).text, "Disallow: /*?")
    const site = await servedFolder({ "robots.txt": "own" }, { index: true })
    assert.strictEqual((await site.get("/robots.txt")).text, "own")
    const bare = await servedFolder({}, { index: true })
    assert.include((await bare.get("/robots.txt")).text, "Disallow: /*?")
  })
})

describe("the digest of a file", () => {
  it("is that of its bytes, also after a change", async () => {
    const bytes = bytesOf(3_000_000)
    const { base, get, write } = await servedFolder({ "big.bin": bytes, empty: "" })
    const hex = (content: Buffer): string =>
      `${createHash("sha256").update(content).digest("hex")}\n`
    for (let i = 0; i < 2; i++) {
      assert.strictEqual((await get("/files/big.bin?sha256")).text, hex(bytes))
    }
    assert.strictEqual((await get("/files/empty?sha256")).text, hex(Buffer.alloc(0)))
    write("big.bin", "new")
    assert.strictEqual((await get("/files/big.bin?sha256")).text, hex(Buffer.from("new")))
    assert.strictEqual((await get("/files/none?sha256")).status, 404)
    assert.deepStrictEqual(await untilClosed(base), [])
  })
})

describe("an archive of chosen entries", () => {
  const sent = (body: string) => ({
    method: "POST",
    target: "/files/?archive=tar",
    headers: [
      ["Content-Type", "application/x-www-form-urlencoded"],
      ["Content-Length", String(body.length)],
    ] as HeaderList,
    body: Body.fromText(body),
  })
  const namesIn = (tar: Buffer): ReadonlyArray<string> =>
    [...tar.toString("latin1").matchAll(/files\/[^\0]*/g)].map(([name]) => name)

  it("has these, with what is in them, and nothing else", async () => {
    const { handler } = await servedFolder({
      "a b.txt": "1",
      "100%.txt": "2",
      "other.txt": "3",
      "dir/c.txt": "4",
      "dir/sub/d.txt": "5",
    })
    const answer = await callHandler(
      handler,
      sent("entry=a+b.txt&entry=100%2525.txt&entry=dir&entry=..%2Fother.txt&entry=none"),
    )
    assert.strictEqual(answer.status, 200)
    assert.sameMembers(
      [...new Set(namesIn(answer.body))],
      [
        "files/",
        "files/a b.txt",
        "files/100%.txt",
        "files/dir/",
        "files/dir/c.txt",
        "files/dir/sub/",
        "files/dir/sub/d.txt",
      ],
    )
    assert.strictEqual((await callHandler(handler, sent(""))).status, 400)
  })

  it("is none where archives are off, and the page has no form for it", async () => {
    const { get, handler } = await servedFolder({ "a.txt": "1" }, { archives: false })
    assert.strictEqual((await callHandler(handler, sent("entry=a.txt"))).status, 404)
    assert.strictEqual((await get("/files/?archive=zip")).status, 404)
    for (const target of ["/files/", "/files/?choose"]) {
      assert.notMatch((await get(target, page)).text, /archive=|name="archive"|name="entry"/)
    }
    const managed = await servedFolder({ "a.txt": "1" }, { archives: false, manage: {} })
    assert.include((await managed.get("/files/", page)).text, 'name="choose"')
    const moving = (await managed.get("/files/?choose", page)).text
    assert.include(moving, 'name="entry" value="a.txt"')
    assert.include(moving, 'formaction="./?change=delete"')
    assert.notInclude(moving, "archive=")
    const on = await servedFolder({ "a.txt": "1" })
    const { text } = await on.get("/files/?choose", page)
    assert.include(text, '<input type="checkbox" name="entry" value="a.txt" form="page.chosen"')
    assert.include(text, 'formaction="./?archive=zip"')
  })
})

/**
 * Share links: what they open, when they end, and that they open nothing else.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it, onTestFinished } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import { type FileServerOptions, needsNoSignIn } from "../../../src/fileserver/FileServer.ts"
import * as ShareToken from "../../../src/fileserver/shares/ShareToken.ts"
import * as Body from "../../../src/transport/body/Body.ts"
import { callHandler } from "../../support/callHandler.ts"
import { servedFolder } from "../../support/servedFolder.ts"
import { temporaryFolder, untilClosed } from "../../support/temporaryFolder.ts"

const page: HeaderList = [["Accept", "text/html"]]

const site = async (options: Omit<FileServerOptions, "root"> = {}) => {
  const shareLinks = path.join(temporaryFolder(), "state", "links.json")
  const served = await servedFolder(
    {
      "a.txt": "shared",
      "b.txt": "SECRET",
      "dir/c.txt": "c",
      "dir/sub/d.txt": "d",
      "dir/e.jpg": "e",
      "dir/g.jpg": "g",
      "other/f.txt": "SECRET",
    },
    { shareLinks, ...options },
  )
  fs.symlinkSync("../other", path.join(served.root, "dir", "out"))
  fs.symlinkSync("../b.txt", path.join(served.root, "dir", "out.txt"))
  const post = (target: string, form: Record<string, string>, headers: HeaderList = []) =>
    callHandler(served.handler, {
      method: "POST",
      target,
      headers: [["Host", "h"], ["Content-Type", "application/x-www-form-urlencoded"], ...headers],
      body: Body.fromText(new URLSearchParams(form).toString()),
    })
  const link = async (target: string, form: Record<string, string> = {}): Promise<string> => {
    const made = await post(`${target}?share`, form, [["Accept", "application/json"]])
    assert.strictEqual(made.status, 200, made.text)
    return new URL((JSON.parse(made.text) as { readonly url: string }).url).pathname
  }
  return { ...served, shareLinks, post, link }
}

/** Lets so many milliseconds pass by the clock. */
const passTime = (millis: number): void => {
  const now = Date.now
  Date.now = () => now() + millis
  onTestFinished(() => {
    Date.now = now
  })
}

/** Has the monotonic clock stand still, so that no more guesses are allowed however long the hashes take. */
const stopClock = (): void => {
  const { now } = performance
  const stopped = performance.now()
  performance.now = () => stopped
  onTestFinished(() => {
    performance.now = now
  })
}

describe("a share link", () => {
  it("to a file opens that file and nothing beside it", async () => {
    const { base, get, link, post } = await site()
    const url = await link("/files/a.txt")
    const made = await post("/files/a.txt?share", {}, [["Accept", "application/json"]])
    const { file } = JSON.parse(made.text) as { readonly file: string }
    assert.strictEqual((await get(new URL(file).pathname)).text, "shared")
    const ofFolder = await post("/files/dir/?share", {}, [["Accept", "application/json"]])
    assert.notProperty(JSON.parse(ofFolder.text), "file")
    const landing = await get(url, page)
    assert.include(landing.text, 'href="a.txt?download"')
    assert.notInclude(landing.text, "b.txt")
    assert.strictEqual((await get(`${url}a.txt`)).text, "shared")
    const view = await get(`${url}a.txt?view`, page)
    assert.include(view.text, "shared")
    assert.notInclude(view.text, "b.txt")
    for (const name of ["b.txt", "dir/", "dir/c.txt", "a.txt/", "..%2fb.txt", "%2e%2e/b.txt"]) {
      assert.include([400, 404], (await get(url + name)).status, name)
    }
    for (const query of ["?json", "?archive=zip", "?q=b", "?plain"]) {
      assert.notInclude((await get(url + query)).text, "b.txt", query)
    }
    assert.strictEqual((await get(url.slice(0, -1))).status, 308)
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("to a folder opens what is below it, without the links that lead out", async () => {
    const { base, get, link } = await site()
    const url = await link("/files/dir/")
    const listing = await get(url, page)
    assert.include(listing.text, 'data-name="c.txt"')
    assert.notInclude(listing.text, "out.txt")
    assert.include(listing.text, "This link ends on")
    assert.notInclude(listing.text, 'rel="up"')
    assert.include(listing.text, 'href="../../assets/')
    assert.strictEqual((await get(`${url}sub/d.txt`)).text, "d")
    assert.include((await get(`${url}sub/`, page)).text, 'href="../" rel="up"')
    for (const name of ["out/", "out/f.txt", "out.txt", "../b.txt", "..%2fb.txt", "b.txt"]) {
      assert.include([400, 404], (await get(url + name)).status, name)
    }
    const zip = await get(`${url}?archive=zip`)
    assert.strictEqual(zip.status, 200)
    assert.notInclude(zip.text, "SECRET")
    assert.notInclude((await get(`${url}?q=txt&json`)).text, "f.txt")
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("to a folder sends chosen entries as an archive, which counts as a download", async () => {
    const { get, link, post } = await site()
    const url = await link("/files/dir/", { downloads: "1" })
    assert.include((await get(`${url}?choose`, page)).text, 'formaction="./?archive=zip"')
    const chosen = { entry: "c.txt" }
    const tar = await post(`${url}?archive=tar`, chosen)
    assert.strictEqual(tar.header("content-type"), "application/x-tar")
    assert.include(tar.text, "dir/c.txt")
    assert.notInclude(tar.text, "dir/sub")
    assert.strictEqual((await post(`${url}?archive=tar`, chosen)).status, 410)
    const secret = await link("/files/dir/", { password: "sesame" })
    assert.strictEqual((await post(`${secret}?archive=tar`, chosen)).status, 403)
  })

  it("changes nothing, and does not show what was deleted", async () => {
    const { link, get, handler, post } = await site({ manage: {} })
    const url = await link("/files/dir/")
    await post("/files/other/?change=delete", { entry: "f.txt" })
    for (const query of ["manage=bin", "manage=edit&entry=c.txt", "manage=entry&entry=c.txt"]) {
      const answer = await get(`${url}?${query}`, page)
      assert.notInclude(answer.text, "f.txt", query)
      assert.notInclude(answer.text, "change=", query)
    }
    for (const [method, address] of [
      ["POST", `${url}?change=delete`],
      ["PUT", `${url}c.txt`],
      ["DELETE", `${url}c.txt`],
      ["PROPFIND", url],
    ] as const) {
      const answer = await callHandler(handler, {
        method,
        target: address,
        headers: [["Content-Type", "application/x-www-form-urlencoded"]],
        body: Body.fromText("entry=c.txt"),
      })
      assert.isAtLeast(answer.status, 300, `${method} ${address}`)
    }
    assert.strictEqual((await get(`${url}c.txt`)).text, "c")
  })

  it("is not made with an end or a number of downloads that is none", async () => {
    const { link, post } = await site()
    for (const [name, value] of [
      ["downloads", "0"],
      ["downloads", "two"],
      ["downloads", "-1"],
      ["downloads", "1000001"],
      ["expires", "0"],
      ["expires", "1.5"],
      ["expires", "99999999"],
    ] as const) {
      const answer = await post("/files/a.txt?share", { [name]: value })
      assert.strictEqual(answer.status, 400, `${name}=${value}`)
      assert.include(answer.text, name)
    }
    assert.include(await link("/files/a.txt", { downloads: "", expires: "" }), "/share/")
  })

  it("ends at its time, with its last download, and when all are revoked", async () => {
    const { get, head, link, post } = await site()
    const once = await link("/files/a.txt", { downloads: "1" })
    assert.strictEqual((await head(`${once}a.txt`)).status, 200)
    const first = await get(`${once}a.txt`, [["Range", "bytes=3-"]])
    assert.deepStrictEqual([first.status, first.text], [200, "shared"])
    assert.strictEqual((await get(`${once}a.txt`)).status, 410)
    assert.strictEqual((await get(`${once}a.txt?view`, page)).status, 410)
    assert.strictEqual((await get(once, page)).status, 410)
    assert.strictEqual((await head(`${once}a.txt`)).status, 410)
    const many = await link("/files/a.txt")
    assert.strictEqual((await post("/files/?share", { revoke: "all" })).status, 200)
    assert.strictEqual((await get(`${many}a.txt`)).status, 410)
    const short = await link("/files/a.txt", { expires: "60" })
    assert.strictEqual((await get(`${short}a.txt`)).status, 200)
    passTime(61_000)
    const ended = await get(`${short}a.txt`, page)
    assert.strictEqual(ended.status, 410)
    assert.include(ended.text, "This link has ended.")
  })

  it("counts the content of a file once, and neither its page nor what is fetched in advance", async () => {
    const { get, link } = await site()
    const url = await link("/files/dir/", { downloads: "1" })
    const ahead = await get(`${url}e.jpg`, [["Sec-Purpose", "prefetch;prerender"]])
    assert.strictEqual(ahead.status, 503)
    const shown = await get(`${url}e.jpg?view`, page)
    assert.strictEqual(shown.status, 200)
    assert.notInclude(shown.text, 'data-preload="yes"')
    assert.strictEqual((await get(`${url}e.jpg`)).text, "e")
    assert.strictEqual((await get(url, page)).status, 410)
    const uncounted = await link("/files/dir/")
    assert.include((await get(`${uncounted}e.jpg?view`, page)).text, 'data-preload="yes"')
    const text = await link("/files/dir/", { downloads: "1" })
    assert.strictEqual((await get(`${text}c.txt?view`, page)).status, 200)
    assert.strictEqual((await get(`${text}c.txt`)).status, 410)
  })

  it("asks for its password, by a form or by Basic, and not for ever", async () => {
    const { get, link, post } = await site()
    stopClock()
    const url = await link("/files/a.txt", { password: "sesame" })
    const asked = await get(url, page)
    assert.strictEqual(asked.status, 403)
    assert.include(asked.text, 'type="password"')
    assert.notInclude((await get(`${url}a.txt`)).text, "shared")
    assert.strictEqual((await post(url, { password: "wrong" })).status, 403)
    const right = await post(url, { password: "sesame" })
    assert.strictEqual(right.status, 303)
    const cookie = (right.header("set-cookie") as string).split(";")[0] as string
    // Relays keep such cookies to themselves.
    assert.notMatch(cookie, /^ptth/i)
    assert.strictEqual((await get(`${url}a.txt`, [["Cookie", `x=y; ${cookie}`]])).text, "shared")
    const other = await link("/files/a.txt", { password: "other" })
    assert.strictEqual((await get(`${other}a.txt`, [["Cookie", cookie]])).status, 403)
    const basic = (text: string): HeaderList => [
      ["Authorization", `Basic ${Buffer.from(text).toString("base64")}`],
    ]
    assert.strictEqual((await get(`${url}a.txt`, basic(":sesame"))).text, "shared")
    let status = 0
    for (let i = 0; i < 12; i++) status = (await get(`${url}a.txt`, basic(`:no${i}`))).status
    assert.strictEqual(status, 429)
  })

  it("is not made with a password for as many as ask at once, since each takes a thread", async () => {
    const { link, post } = await site()
    const made = await Promise.all(
      Array.from({ length: 100 }, (_, i) => post("/files/a.txt?share", { password: `p${i}` })),
    )
    const statuses = new Set(made.map(({ status }) => status))
    assert.deepStrictEqual([...statuses].sort(), [200, 503])
    await link("/files/a.txt", { password: "sesame" })
  })

  it("takes its password while somebody else guesses", async () => {
    const { get, link, post } = await site()
    stopClock()
    const url = await link("/files/a.txt", { password: "sesame" })
    const from = (address: string): HeaderList => [["X-Real-IP", address]]
    const guess = (password: string, address: string) => post(url, { password }, from(address))
    const guesses = Array.from({ length: 12 }, (_, i) => guess(`no${i}`, "192.0.2.1"))
    const statuses = (await Promise.all(guesses)).map(({ status }) => status)
    assert.deepStrictEqual([...new Set(statuses)].sort(), [403, 429])
    assert.strictEqual((await guess("sesame", "192.0.2.1")).status, 429)
    assert.strictEqual((await guess("sesame", "198.51.100.7")).status, 303)
    assert.strictEqual((await get(url, [...page, ...from("198.51.100.7")])).status, 403)
  })

  it("cannot be made by a page of another site, nor for what is not there", async () => {
    const { get, post, shareLinks } = await site()
    const foreign: HeaderList = [["Sec-Fetch-Site", "cross-site"]]
    assert.strictEqual((await post("/files/a.txt?share", {}, foreign)).status, 403)
    assert.strictEqual((await post("/files/none?share", {})).status, 404)
    assert.isFalse(fs.existsSync(shareLinks))
    const form = await get("/files/a.txt?share", page)
    assert.include(form.text, 'action="a.txt?share"')
    await post("/files/a.txt?share", {})
    assert.strictEqual(fs.statSync(shareLinks).mode & 0o777, 0o600)
  })

  it("is counted and ended also where that cannot be stored, and none is made", async () => {
    const { get, link, post, shareLinks } = await site()
    const twice = await link("/files/a.txt", { downloads: "2" })
    const folder = path.dirname(shareLinks)
    fs.rmSync(folder, { recursive: true })
    fs.writeFileSync(folder, "a file in its place")
    const statuses: Array<number> = []
    for (let i = 0; i < 3; i++) statuses.push((await get(`${twice}a.txt`)).status)
    assert.deepStrictEqual(statuses, [200, 200, 410])
    const other = await link("/files/b.txt")
    assert.strictEqual((await post("/files/?share", { revoke: "all" })).status, 500)
    assert.strictEqual((await get(`${other}b.txt`)).status, 410)
    assert.strictEqual((await post("/files/b.txt?share", {})).status, 500)
    const fresh = await site({ shareLinks: path.join(folder, "links.json") })
    for (let i = 0; i < 2; i++)
      assert.strictEqual((await fresh.post("/files/a.txt?share", {})).status, 500)
  })

  it("is not offered unless it is on", async () => {
    const { get, handler } = await servedFolder({ "a.txt": "1" })
    assert.notInclude((await get("/files/a.txt?view", page)).text, "?share")
    assert.strictEqual((await get("/share/x.y/")).status, 404)
    const made = await callHandler(handler, { method: "POST", target: "/files/a.txt?share" })
    assert.strictEqual(made.status, 405)
  })
})

describe("the token of a share link", () => {
  const secret = Buffer.alloc(32, 7)
  const share: ShareToken.Share = {
    path: ["a b", "\xff.txt"],
    isFolder: false,
    expires: 1_900_000_000,
    downloads: undefined,
    password: undefined,
    id: "x",
  }

  it("gives back what was signed, and only with the same secret", () => {
    const token = ShareToken.sign(secret, share)
    assert.deepStrictEqual(ShareToken.verify(secret, token), share)
    assert.isUndefined(ShareToken.verify(Buffer.alloc(32, 8), token))
  })

  it.effect.prop("is invalid after any change", [Schema.Int, Schema.String], ([at, text]) =>
    Effect.sync(() => {
      const token = ShareToken.sign(secret, share)
      const place = Math.abs(at) % token.indexOf(".")
      const changed = token.slice(0, place) + text + token.slice(place + 1)
      if (changed !== token) assert.isUndefined(ShareToken.verify(secret, changed))
    }),
  )

  it("is recognised in addresses that need no sign-in, and nothing else is", () => {
    const token = ShareToken.sign(secret, share)
    for (const target of [`/share/${token}`, `/share/${token}/a`, `/share/${token}/?x`]) {
      assert.isTrue(needsNoSignIn(target), target)
    }
    for (const target of [
      "/share/",
      "/share/a",
      "/files/",
      `/files/share/${token}/`,
      "/",
      "//share/a.b/",
      "/assets/x.css",
    ]) {
      assert.isFalse(needsNoSignIn(target), target)
    }
  })
})

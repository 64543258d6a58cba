/** WebDAV by requests, and by the sequences of requests that real clients send. */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { onTestFinished } from "vitest"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import { Locks, maxShared } from "../../../src/fileserver/change/Locks.ts"
import { DavHandler } from "../../../src/fileserver/dav/DavHandler.ts"
import * as FileServer from "../../../src/fileserver/FileServer.ts"
import * as HiddenFiles from "../../../src/fileserver/root/HiddenFiles.ts"
import * as Root from "../../../src/fileserver/root/Root.ts"
import { FolderWork, listings } from "../../../src/fileserver/send/FolderWork.ts"
import * as Body from "../../../src/transport/body/Body.ts"
import { callHandler } from "../../support/callHandler.ts"
import { systemError, temporaryFolder, untilClosed } from "../../support/temporaryFolder.ts"

const host = ["Host", "files.example"] as const

const site = async (
  options: Partial<FileServer.FileServerOptions> = { manage: {} },
  prefix?: string,
) => {
  const base = temporaryFolder()
  const root = path.join(base, "root")
  fs.mkdirSync(path.join(root, "dir"), { recursive: true })
  fs.mkdirSync(path.join(base, "outside"))
  fs.writeFileSync(path.join(base, "outside", "secret"), "secret")
  const write = (name: string, content: string): void =>
    fs.writeFileSync(path.join(root, name), content)
  const read = (name: string): string => fs.readFileSync(path.join(root, name), "utf8")
  const names = (folder = ""): ReadonlyArray<string> =>
    fs
      .readdirSync(path.join(root, folder))
      .filter((name) => !name.startsWith(".ptth-"))
      .sort()
  write("a.txt", "hello")
  write("dir/b.txt", "b")
  const handler = await Effect.runPromise(FileServer.make({ root, ...options }))
  const call = (method: string, target: string, headers: HeaderList = [], body = "") =>
    callHandler(handler, {
      method,
      target,
      headers: [
        host,
        ...(prefix === undefined ? [] : ([["X-Forwarded-Prefix", prefix]] as const)),
        ...headers,
      ],
      body: Body.fromText(body),
    })
  const to = (address: string, more: HeaderList = []): HeaderList => [
    ["Destination", address.startsWith("/") ? `http://files.example${address}` : address],
    ...more,
  ]
  const find = async (target: string, depth: string, body = "") => {
    const answer = await call("PROPFIND", target, [["Depth", depth]], body)
    return {
      ...answer,
      hrefs: [...answer.text.matchAll(/<D:response><D:href>([^<]*)</g)].map(([, href]) => href),
    }
  }
  const lock = async (target: string, headers: HeaderList = [], scope = "exclusive") => {
    const answer = await call("LOCK", target, headers, lockInfo(scope))
    const token = answer.header("lock-token") ?? ""
    return { ...answer, token, condition: ["If", `(${token})`] as const }
  }
  return { base, root, handler, call, find, lock, names, read, to, write }
}

const lockInfo = (scope: string): string =>
  `<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:${scope}/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner><D:href>me</D:href></D:owner></D:lockinfo>`

const some = (...names: ReadonlyArray<string>): string =>
  `<propfind xmlns="DAV:" xmlns:X="urn:x"><prop>${names.map((name) => `<${name}/>`).join("")}</prop></propfind>`

const allAnd = (names: ReadonlyArray<string>): string =>
  `<propfind xmlns="DAV:"><allprop/><include>${names.map((name) => `<${name}/>`).join("")}</include></propfind>`

const numbered = (length: number, name: (i: number) => string): ReadonlyArray<string> =>
  Array.from({ length }, (_, i) => name(i))

const set = (content: string): string =>
  `<D:propertyupdate xmlns:D="DAV:" xmlns:X="urn:x"><D:set><D:prop>${content}</D:prop></D:set></D:propertyupdate>`

describe("WebDAV", () => {
  it("is announced to every client, also to those of Windows", async () => {
    const { call } = await site()
    for (const target of ["/", "/files/", "/files/a.txt", "/files/absent"]) {
      const answer = await call("OPTIONS", target)
      assert.strictEqual(answer.status, 204)
      assert.strictEqual(answer.header("dav"), "1, 2")
      assert.strictEqual(answer.header("ms-author-via"), "DAV")
      for (const method of ["PROPFIND", "PUT", "MKCOL", "MOVE", "LOCK", "GET", "PATCH"])
        assert.include((answer.header("allow") ?? "").split(", "), method)
    }
  })

  it("reads any shared folder, and changes nothing without `manage`", async () => {
    const { base, call, find } = await site({})
    const { hrefs } = await find("/files/", "1")
    assert.deepStrictEqual(hrefs, ["/files/", "/files/dir/", "/files/a.txt"])
    const before = fs.readdirSync(base, { recursive: true })
    for (const method of ["PUT", "MKCOL", "DELETE", "MOVE", "COPY", "LOCK", "PROPPATCH"]) {
      const answer = await call(method, "/files/a.txt", [["Destination", "/files/c.txt"]])
      assert.strictEqual(answer.status, 405, method)
      assert.strictEqual(answer.header("allow"), "GET, HEAD, OPTIONS, PROPFIND")
    }
    assert.deepStrictEqual(fs.readdirSync(base, { recursive: true }), before)
  })

  it("lists what is served and nothing else", async () => {
    const made = await site({ hidden: ["*.bak"] })
    made.write("x.bak", "")
    made.write(".env", "")
    made.write("odd #?&<>%.txt", "")
    fs.symlinkSync("../outside/secret", path.join(made.root, "leaving"))
    fs.symlinkSync("a.txt", path.join(made.root, "link"))
    const { hrefs, status, text } = await made.find("/files/", "1")
    assert.strictEqual(status, 207)
    assert.deepStrictEqual(hrefs, [
      "/files/",
      "/files/dir/",
      "/files/a.txt",
      "/files/link",
      "/files/odd%20%23%3F%26%3C%3E%25.txt",
    ])
    assert.include(text, "<D:displayname>odd #?&amp;&lt;&gt;%.txt</D:displayname>")
    for (const target of ["/files/x.bak", "/files/.env", "/files/leaving", "/files/absent"])
      assert.strictEqual((await made.find(target, "0")).status, 404)
    assert.deepStrictEqual((await made.find("/files/dir", "0")).hrefs, ["/files/dir/"])
    assert.deepStrictEqual((await made.find("/", "1")).hrefs, ["/", "/files/"])
    assert.deepStrictEqual(await untilClosed(made.base), [])
  })

  it("tells the properties that were asked for, and which there are not", async () => {
    const { call, find } = await site()
    const { text } = await find("/files/a.txt", "0", some("getetag", "getcontentlength", "X:none"))
    const tag = (await call("HEAD", "/files/a.txt")).header("etag") ?? ""
    assert.include(text, `<D:getetag>${tag.replaceAll('"', "&quot;")}</D:getetag>`)
    assert.include(text, "<D:getcontentlength>5</D:getcontentlength>")
    assert.match(text, /<none xmlns="urn:x"\/><\/D:prop><D:status>HTTP\/1.1 404 Not Found/)
    const quota = await find("/files/", "0", some("quota-available-bytes", "resourcetype"))
    assert.match(quota.text, /<D:quota-available-bytes>\d+</)
    assert.include(quota.text, "<D:resourcetype><D:collection/></D:resourcetype>")
    const names = await find("/files/a.txt", "0", `<propfind xmlns="DAV:"><propname/></propfind>`)
    assert.include(names.text, "<D:getlastmodified/>")
    // An empty body asks for all.
    assert.include((await find("/files/a.txt", "0")).text, "<D:supportedlock>")
  })

  it.each([
    ["not well-formed", "<propfind"],
    ["of another element", `<x xmlns="DAV:"/>`],
    [
      "with an empty prefix",
      `<D:propfind xmlns:D="DAV:"><D:prop><b:x xmlns:b=""/></D:prop></D:propfind>`,
    ],
    [
      "with an undeclared prefix",
      `<D:propfind xmlns:D="DAV:"><D:prop><b:x/></D:prop></D:propfind>`,
    ],
    [
      "with entities",
      `<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><propfind xmlns="DAV:"><prop><x>&b;</x></prop></propfind>`,
    ],
    [
      "with a file",
      `<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><propfind xmlns="DAV:"><prop><x>&a;</x></prop></propfind>`,
    ],
    ["too deep", `${"<a>".repeat(1000)}${"</a>".repeat(1000)}`],
    ["with too many elements", some(...numbered(6_000, (i) => `a${i}`))],
    ["with too many attributes", some(`a ${numbered(6_000, (i) => `a${i}=""`).join(" ")}`)],
    ["that asks for too many properties", some(...numbered(300, (i) => `a${i}`))],
    ["that asks for too many more", allAnd(numbered(300, (i) => `a${i}`))],
  ])("refuses a body %s", async (_, body) => {
    const { find } = await site()
    assert.strictEqual((await find("/files/", "0", body)).status, 400)
  })

  it("tells a property once, however often it is asked for", async () => {
    const { find } = await site()
    const { status, text } = await find("/files/", "0", some(...numbered(2_000, () => "getetag")))
    assert.strictEqual(status, 207)
    assert.strictEqual(text.split("<D:getetag").length, 2)
  })

  it("refuses a body that is too large, and a depth that is none", async () => {
    const { find } = await site()
    const large = `<propfind xmlns="DAV:"><prop>${" ".repeat(300_000)}</prop></propfind>`
    assert.strictEqual((await find("/files/", "0", large)).status, 413)
    assert.strictEqual((await find("/files/", "2")).status, 400)
  })

  it("lists everything below a folder if that is not too much", async () => {
    const made = await site()
    assert.deepStrictEqual((await made.find("/files/", "infinity")).hrefs, [
      "/files/",
      "/files/dir/",
      "/files/a.txt",
      "/files/dir/b.txt",
    ])
    const hidden = HiddenFiles.make([])
    const root = Root.make(made.root, fs.realpathSync(made.root), "path", hidden)
    const folderWork = new FolderWork(listings)
    const source = { root, hidden, locks: new Locks(), sidecars: false, folderWork, maxDeep: 3 }
    const dav = new DavHandler(source, undefined)
    const refused = await callHandler((...call) => dav.handle(...call), {
      method: "PROPFIND",
      target: "/files/",
      headers: [["Depth", "infinity"]],
    })
    assert.strictEqual(refused.status, 403)
    assert.include(refused.text, "<D:propfind-finite-depth>")
  })

  it("makes, fills, moves, copies and deletes", async () => {
    const { call, names, read, to } = await site()
    assert.strictEqual((await call("MKCOL", "/files/new/")).status, 201)
    assert.strictEqual((await call("PUT", "/files/new/x", [], "one")).status, 201)
    assert.strictEqual((await call("PUT", "/files/new/x", [], "two")).status, 204)
    assert.strictEqual((await call("COPY", "/files/new/", to("/files/copy/"))).status, 201)
    assert.strictEqual((await call("MOVE", "/files/new/x", to("/files/copy/y"))).status, 201)
    assert.strictEqual((await call("MOVE", "/files/copy/x", to("/files/copy/y"))).status, 204)
    assert.deepStrictEqual(names("copy"), ["y"])
    assert.strictEqual(read("copy/y"), "two")
    assert.strictEqual((await call("DELETE", "/files/copy/")).status, 204)
    assert.deepStrictEqual(names(), ["a.txt", "dir", "new"])
  })

  it("answers as RFC 4918 says where something is missing or in the way", async () => {
    const { call, names, read, to } = await site()
    assert.strictEqual((await call("MKCOL", "/files/dir/")).status, 405)
    assert.strictEqual((await call("MKCOL", "/files/a.txt")).status, 405)
    assert.strictEqual((await call("MKCOL", "/files/none/new")).status, 409)
    assert.strictEqual((await call("MKCOL", "/files/new", [], "<x/>")).status, 415)
    assert.strictEqual((await call("PUT", "/files/none/new", [], "x")).status, 409)
    assert.strictEqual((await call("DELETE", "/files/none")).status, 404)
    assert.strictEqual((await call("DELETE", "/files/none/none")).status, 404)
    assert.strictEqual((await call("DELETE", "/files/")).status, 403)
    assert.strictEqual((await call("DELETE", "/files/dir/", [["Depth", "0"]])).status, 400)
    assert.strictEqual((await call("MOVE", "/files/a.txt")).status, 400)
    assert.strictEqual((await call("MOVE", "/files/none", to("/files/x"))).status, 404)
    assert.strictEqual((await call("MOVE", "/files/a.txt", to("/files/none/x"))).status, 409)
    assert.strictEqual((await call("MOVE", "/files/a.txt", to("/files/a.txt"))).status, 403)
    assert.strictEqual((await call("MOVE", "/files/dir/", to("/files/dir/x/"))).status, 403)
    const keep = to("/files/dir/b.txt", [["Overwrite", "F"]])
    assert.strictEqual((await call("MOVE", "/files/a.txt", keep)).status, 412)
    assert.strictEqual((await call("COPY", "/files/a.txt", keep)).status, 412)
    const elsewhere = ["http://other.example/files/x", "http://files.example/metrics", "urn:x"]
    for (const address of elsewhere)
      assert.strictEqual((await call("COPY", "/files/a.txt", to(address))).status, 502, address)
    assert.strictEqual((await call("COPY", "/files/a.txt", to("/files/..%2fx"))).status, 400)
    assert.strictEqual(read("dir/b.txt"), "b")
    assert.deepStrictEqual(names(), ["a.txt", "dir"])
  })

  it("copies a folder with or without what is in it", async () => {
    const { call, names, to } = await site()
    const shallow = to("/files/empty/", [["Depth", "0"]])
    assert.strictEqual((await call("COPY", "/files/dir/", shallow)).status, 201)
    assert.deepStrictEqual(names("empty"), [])
    assert.strictEqual((await call("COPY", "/files/dir/", to("/files/empty/"))).status, 204)
    assert.deepStrictEqual(names("empty"), ["b.txt"])
    assert.deepStrictEqual(names("dir"), ["b.txt"])
  })

  it("knows the prefix at which its visitors see it", async () => {
    const made = await site({ manage: {} }, "/servers/attic")
    assert.deepStrictEqual((await made.find("/files/dir/", "1")).hrefs, [
      "/servers/attic/files/dir/",
      "/servers/attic/files/dir/b.txt",
    ])
    // The relay takes the prefix off Destination, other proxies do not.
    const moved = await made.call("MOVE", "/files/a.txt", made.to("/servers/attic/files/b.txt"))
    assert.strictEqual(moved.status, 201)
    const back = await made.call("MOVE", "/files/b.txt", made.to("/files/a.txt"))
    assert.strictEqual(back.status, 201)
    const { condition, text } = await made.lock("/files/a.txt")
    assert.include(text, "<D:lockroot><D:href>/servers/attic/files/a.txt</D:href></D:lockroot>")
    const [, list] = condition
    const tagged = [["If", `<http://files.example/servers/attic/files/a.txt> ${list}`]] as const
    assert.strictEqual((await made.call("PUT", "/files/a.txt", tagged, "x")).status, 204)
  })

  it("tells the top below a prefix with signs that XML escapes", async () => {
    const { find } = await site({}, "/a&$&b")
    const { hrefs } = await find("/", "1")
    assert.deepStrictEqual(hrefs, ["/a&amp;$&amp;b/", "/a&amp;$&amp;b/files/"])
  })

  it("keeps the properties that there are if the disk is full, and leaves nothing beside them", async () => {
    const { call, find, root } = await site()
    await call("PROPPATCH", "/files/a.txt", [], set("<X:p>first</X:p>"))
    const before = fs.readdirSync(root)
    const failing = vi.spyOn(fs.promises, "writeFile").mockImplementation(async (file) => {
      fs.writeFileSync(file as string, "")
      throw systemError("ENOSPC")
    })
    const refused = await call("PROPPATCH", "/files/a.txt", [], set("<X:p>second</X:p>"))
    failing.mockRestore()
    assert.strictEqual(refused.status, 507)
    assert.include(refused.text, "There is no room for the change.")
    assert.deepStrictEqual(fs.readdirSync(root), before)
    assert.include((await find("/files/a.txt", "0", some("X:p"))).text, "first")
  })

  it("stores dead properties, which go along", async () => {
    const { call, find, root, to } = await site()
    const value = `<X:p a="1">v &amp; <X:q xmlns:Y="urn:y" Y:b="&#10;2" X:c="3" Y:d="&lt;" xml:lang="de"/><r xmlns="urn:z" e="4"/></X:p>`
    const changed = await call("PROPPATCH", "/files/a.txt", [], set(value))
    assert.strictEqual(changed.status, 207)
    assert.include(changed.text, "200 OK")
    assert.strictEqual((await call("PROPPATCH", "/files/dir/", [], set(value))).status, 207)
    const stored = `<p xmlns="urn:x" a="1">v &amp; <q xmlns="urn:x" xml:lang="de" xmlns:Y="urn:y" Y:b="&#10;2" xmlns:X="urn:x" X:c="3" Y:d="&lt;"/><r xmlns="urn:z" e="4"/></p>`
    const has = async (target: string) =>
      (await find(target, "0", some("X:p"))).text.includes(stored)
    assert.isTrue(await has("/files/a.txt"))
    assert.isTrue(await has("/files/dir/"))
    assert.include((await find("/files/", "1")).text, stored)
    assert.strictEqual((await call("COPY", "/files/a.txt", to("/files/dir/c"))).status, 201)
    assert.strictEqual((await call("MOVE", "/files/a.txt", to("/files/dir/d"))).status, 201)
    assert.strictEqual((await call("MOVE", "/files/dir/", to("/files/moved/"))).status, 201)
    for (const target of ["/files/moved/", "/files/moved/c", "/files/moved/d"])
      assert.isTrue(await has(target), target)
    await call("PUT", "/files/moved/d", [], "replaced")
    assert.isTrue(await has("/files/moved/d"))
    await call("DELETE", "/files/moved/d")
    await call("PUT", "/files/moved/d", [], "new")
    assert.isFalse(await has("/files/moved/d"))
    const removed = await call(
      "PROPPATCH",
      "/files/moved/c",
      [],
      `<D:propertyupdate xmlns:D="DAV:"><D:remove><D:prop><p xmlns="urn:x"/></D:prop></D:remove></D:propertyupdate>`,
    )
    assert.strictEqual(removed.status, 207)
    assert.isFalse(await has("/files/moved/c"))
    assert.notInclude((await find("/files/moved/", "1")).text, "ptth-properties")
    assert.strictEqual((await call("GET", "/files/moved/.ptth-properties")).status, 404)
    assert.isTrue(fs.existsSync(path.join(root, "moved", ".ptth-properties")))
  })

  it("sets all properties or none, and no live ones", async () => {
    const { call, find } = await site()
    const refused = await call(
      "PROPPATCH",
      "/files/a.txt",
      [],
      set("<X:p>1</X:p><D:getetag>2</D:getetag>"),
    )
    assert.match(refused.text, /<D:getetag\/><\/D:prop><D:status>HTTP\/1.1 403/)
    assert.match(refused.text, /<p xmlns="urn:x"\/><\/D:prop><D:status>HTTP\/1.1 424/)
    assert.include((await find("/files/a.txt", "0", some("X:p"))).text, "404 Not Found")
    const full = await call(
      "PROPPATCH",
      "/files/a.txt",
      [],
      set(`<X:p>${"x".repeat(70_000)}</X:p>`),
    )
    assert.include(full.text, "507 Insufficient Storage")
    const attributes = numbered(6_000, (i) => `a${i}=""`).join(" ")
    const many = await call("PROPPATCH", "/files/a.txt", [], set(`<X:p ${attributes}/>`))
    assert.strictEqual(many.status, 400)
  })

  it("locks a file for who has the token", async () => {
    const { call, find, lock, read, to } = await site()
    const { condition, status, text, token } = await lock("/files/a.txt", [
      ["Timeout", "Second-100"],
    ])
    assert.strictEqual(status, 200)
    assert.include(text, "<D:timeout>Second-100</D:timeout>")
    assert.include(text, `<owner xmlns="DAV:"><href xmlns="DAV:">me</href></owner>`)
    assert.include(
      (await find("/files/a.txt", "0", some("lockdiscovery"))).text,
      token.slice(1, -1),
    )
    const refused = await call("PUT", "/files/a.txt", [], "x")
    assert.strictEqual(refused.status, 423)
    assert.include(refused.text, "<D:lock-token-submitted>")
    for (const [method, headers] of [
      ["DELETE", []],
      ["MOVE", to("/files/x")],
      ["PROPPATCH", []],
    ] as const)
      assert.strictEqual((await call(method, "/files/a.txt", headers, set("<X:p/>"))).status, 423)
    assert.strictEqual((await call("COPY", "/files/dir/b.txt", to("/files/a.txt"))).status, 423)
    assert.strictEqual((await lock("/files/a.txt")).status, 423)
    assert.strictEqual((await lock("/files/a.txt", [], "shared")).status, 423)
    assert.strictEqual((await call("PUT", "/files/a.txt", [condition], "mine")).status, 204)
    const wrong = [["If", "(<opaquelocktoken:no>)"]] as const
    assert.strictEqual((await call("PUT", "/files/a.txt", wrong, "x")).status, 412)
    const either = [["If", `${condition[1]} (Not <DAV:no-lock>)`]] as const
    assert.strictEqual((await call("PUT", "/files/a.txt", either, "mine 2")).status, 204)
    const refreshed = await call("LOCK", "/files/a.txt", [condition, ["Timeout", "Infinite"]])
    assert.include(refreshed.text, "Second-3600")
    assert.strictEqual((await call("LOCK", "/files/a.txt", wrong)).status, 412)
    const other = [["Lock-Token", "<opaquelocktoken:no>"]] as const
    assert.strictEqual((await call("UNLOCK", "/files/a.txt", other)).status, 409)
    assert.strictEqual((await call("UNLOCK", "/files/a.txt", [["Lock-Token", token]])).status, 204)
    assert.strictEqual((await call("PUT", "/files/a.txt", [], "free")).status, 204)
    assert.strictEqual(read("a.txt"), "free")
  })

  it("compares entity tags in the If field", async () => {
    const { call, read } = await site()
    const tag = (await call("HEAD", "/files/a.txt")).header("etag") ?? ""
    const right = [["If", `([${tag}])`]] as const
    assert.strictEqual(
      (await call("PUT", "/files/a.txt", [["If", `(Not [${tag}])`]], "x")).status,
      412,
    )
    assert.strictEqual((await call("PUT", "/files/a.txt", right, "second")).status, 204)
    assert.strictEqual((await call("PUT", "/files/a.txt", right, "third")).status, 412)
    assert.strictEqual((await call("PUT", "/files/a.txt", [["If", "(["]], "x")).status, 400)
    assert.strictEqual(read("a.txt"), "second")
  })

  it("reads no properties for the If field, which may name a hundred resources", async () => {
    const { call } = await site()
    await call("PROPPATCH", "/files/a.txt", [], set("<X:p>1</X:p>"))
    await call("PROPPATCH", "/files/dir/", [], set("<X:p>1</X:p>"))
    const read = vi.spyOn(fs.promises, "readFile")
    onTestFinished(() => read.mockRestore())
    const lists = ["a.txt", "dir/", "dir/b.txt"].map(
      (name) => `<http://files.example/files/${name}> (<urn:no>)`,
    )
    const wrong = [["If", lists.join(" ")]] as const
    assert.strictEqual((await call("PUT", "/files/a.txt", wrong, "x")).status, 412)
    assert.lengthOf(read.mock.calls, 0)
  })

  it("locks a folder with what is in it", async () => {
    const { call, lock, to } = await site()
    const { condition } = await lock("/files/dir/")
    assert.strictEqual((await call("PUT", "/files/dir/new", [], "x")).status, 423)
    assert.strictEqual((await call("DELETE", "/files/dir/b.txt")).status, 423)
    assert.strictEqual((await call("MOVE", "/files/a.txt", to("/files/dir/a"))).status, 423)
    const tagged = [["If", `<http://files.example/files/dir/> ${condition[1]}`]] as const
    assert.strictEqual((await call("PUT", "/files/dir/new", tagged, "x")).status, 201)
    assert.strictEqual((await call("DELETE", "/files/dir/", [condition])).status, 204)
    assert.strictEqual((await call("MKCOL", "/files/dir/")).status, 201)
  })

  it("lets several clients share a lock", async () => {
    const { call, lock } = await site()
    const first = await lock("/files/a.txt", [], "shared")
    const second = await lock("/files/a.txt", [], "shared")
    assert.deepStrictEqual([first.status, second.status], [200, 200])
    assert.strictEqual((await lock("/files/a.txt")).status, 423)
    assert.strictEqual((await call("PUT", "/files/a.txt", [], "x")).status, 423)
    assert.strictEqual((await call("PUT", "/files/a.txt", [second.condition], "x")).status, 204)
    for (let i = 2; i < maxShared; i++) await lock("/files/a.txt", [], "shared")
    assert.strictEqual((await lock("/files/a.txt", [], "shared")).status, 503)
  })

  it("makes an empty file to lock a name that is free", async () => {
    const { call, lock, read } = await site()
    const { condition, status, token } = await lock("/files/dir/new.docx")
    assert.strictEqual(status, 201)
    assert.strictEqual(read("dir/new.docx"), "")
    assert.strictEqual(
      (await call("PUT", "/files/dir/new.docx", [condition], "content")).status,
      204,
    )
    assert.strictEqual(
      (await call("UNLOCK", "/files/dir/new.docx", [["Lock-Token", token]])).status,
      204,
    )
    assert.strictEqual(read("dir/new.docx"), "content")
    assert.strictEqual((await lock("/files/none/new")).status, 409)
  })

  it("leaves neither lock nor file if the client leaves before the file is made", async () => {
    const { call, handler, root } = await site()
    const asked = Promise.withResolvers<void>()
    const answered = (): void => assert.fail("There was a response.")
    const cancel = handler(
      { method: "LOCK", target: "/files/new.txt", headers: [host] },
      Body.fromText(lockInfo("exclusive")),
      { respond: answered, fail: answered, commit: () => asked.resolve() },
    )
    await asked.promise
    cancel()
    assert.deepStrictEqual(await untilClosed(root), [])
    assert.deepStrictEqual(fs.readdirSync(root).sort(), ["a.txt", "dir"])
    assert.strictEqual((await call("PUT", "/files/new.txt", [], "new")).status, 201)
  })

  it("keeps forms and resumable uploads from replacing what is locked", async () => {
    const { call, lock, read } = await site()
    await lock("/files/a.txt")
    const tus = await call("POST", "/files/", [
      ["Tus-Resumable", "1.0.0"],
      ["Upload-Length", "1"],
      ["Upload-Metadata", `filename ${Buffer.from("a.txt").toString("base64")}`],
    ])
    assert.strictEqual(tus.status, 423)
    const form = `--X\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\nx\r\n--X--\r\n`
    const type = [["Content-Type", "multipart/form-data; boundary=X"]] as const
    assert.strictEqual((await call("POST", "/files/", type, form)).status, 423)
    assert.strictEqual(read("a.txt"), "hello")
  })

  it.each([
    ["PUT", "/files/.env", 403],
    ["PUT", "/files/x.bak", 403],
    ["PUT", "/files/config.toml", 403],
    ["PUT", "/files/leaves/new", 409],
    ["PUT", "/files/leaves", 404],
    ["PUT", "/files/a%0Ab", 403],
    ["PUT", "/files/..%5Cx", 403],
    ["PUT", "/files/.ptth-trash", 403],
    ["PUT", "/files/.ptth-properties", 403],
    ["MKCOL", "/files/.git", 404],
    ["MKCOL", "/files/x.bak", 403],
    ["MKCOL", "/files/leaves/new", 409],
    ["DELETE", "/files/leaves", 404],
    ["DELETE", "/files/leaves/secret", 404],
    ["DELETE", "/files/config.toml", 404],
    ["DELETE", "/files/holds", 403],
    ["MOVE", "/files/holds", 403],
    ["MOVE", "/files/config.toml", 404],
    ["COPY", "/files/leaves/secret", 404],
    ["COPY", "/files/config.toml", 404],
    ["LOCK", "/files/.env", 404],
    ["PROPPATCH", "/files/leaves", 404],
  ])("%s %s is refused: %i", async (method, target, status) => {
    const made = await site()
    fs.symlinkSync("../outside", path.join(made.root, "leaves"))
    made.write("config.toml", "key")
    fs.mkdirSync(path.join(made.root, "holds"))
    made.write("holds/x.bak", "")
    const handler = await Effect.runPromise(
      FileServer.make({
        root: made.root,
        manage: {},
        hidden: ["*.bak"],
        hiddenFiles: [path.join(made.root, "config.toml")],
      }),
    )
    const before = fs.readdirSync(made.base, { recursive: true })
    const body = method === "PUT" ? "x" : method === "LOCK" ? lockInfo("exclusive") : ""
    const answer = await callHandler(handler, {
      method,
      target,
      headers: [host, ["Destination", "http://files.example/files/taken"]],
      body: Body.fromText(method === "PROPPATCH" ? set("<X:p/>") : body),
    })
    assert.strictEqual(answer.status, status, answer.text)
    assert.deepStrictEqual(fs.readdirSync(made.base, { recursive: true }), before)
    assert.deepStrictEqual(await untilClosed(made.base), [])
  })

  it("is refused to pages of other sites", async () => {
    const { call, names } = await site()
    for (const headers of [
      [["Sec-Fetch-Site", "cross-site"]],
      [["Origin", "http://evil.example"]],
    ] as const)
      assert.strictEqual((await call("DELETE", "/files/a.txt", headers)).status, 403)
    assert.deepStrictEqual(names(), ["a.txt", "dir"])
  })

  it("changes only the folders of `manage_folders`", async () => {
    const { call, names, to } = await site({ manage: { folders: ["dir", "dir/**"] } })
    assert.strictEqual((await call("DELETE", "/files/a.txt")).status, 403)
    assert.strictEqual((await call("PUT", "/files/new", [], "x")).status, 403)
    assert.strictEqual((await call("MOVE", "/files/a.txt", to("/files/dir/a"))).status, 403)
    assert.strictEqual((await call("COPY", "/files/a.txt", to("/files/dir/a"))).status, 201)
    assert.strictEqual((await call("COPY", "/files/dir/a", to("/files/b"))).status, 403)
    assert.strictEqual((await call("MKCOL", "/files/dir/sub")).status, 201)
    assert.strictEqual((await call("PUT", "/files/dir/sub/x", [], "x")).status, 201)
    assert.deepStrictEqual(names(), ["a.txt", "dir"])
  })

  it("puts to folders for uploads as every upload does", async () => {
    const { call } = await site({
      manage: { folders: ["dir"] },
      uploads: { overwrite: false, folders: ["."] },
    })
    assert.strictEqual((await call("PUT", "/files/new", [], "x")).status, 201)
    assert.strictEqual((await call("PUT", "/files/new", [], "x")).status, 409)
    assert.strictEqual((await call("PUT", "/files/dir/b.txt", [], "x")).status, 204)
  })
})

describe("clients of WebDAV", () => {
  it("of macOS may write their sidecar files, which pages do not show", async () => {
    const { call, find, names } = await site()
    for (const name of ["._a.txt", ".DS_Store"]) {
      assert.strictEqual((await find(`/files/${name}`, "0")).status, 404)
      assert.strictEqual((await call("PUT", `/files/${name}`, [], "mac")).status, 201)
      assert.strictEqual((await call("GET", `/files/${name}`)).text, "mac")
      assert.strictEqual((await find(`/files/${name}`, "0")).status, 207)
      assert.include((await find("/files/", "1")).hrefs, `/files/${name}`)
      assert.notInclude((await call("GET", "/files/?json")).text, name)
      assert.strictEqual((await call("DELETE", `/files/${name}`)).status, 204)
    }
    assert.deepStrictEqual(names(), ["a.txt", "dir"])
  })

  it("of macOS save by a temporary folder, with chunked bodies of a stated length", async () => {
    const { call, lock, names, read, to } = await site()
    const length = [["X-Expected-Entity-Length", "3"]] as const
    const empty = await call("PUT", "/files/new.txt", [], "")
    assert.strictEqual(empty.status, 201)
    const { condition, token } = await lock("/files/new.txt", [
      ["Depth", "0"],
      ["Timeout", "Second-600"],
    ])
    assert.strictEqual(
      (await call("PUT", "/files/new.txt", [...length, condition], "abc")).status,
      204,
    )
    await call("UNLOCK", "/files/new.txt", [["Lock-Token", token]])
    assert.strictEqual((await call("MKCOL", "/files/(A%20Document%20Being%20Saved)/")).status, 201)
    await call("PUT", "/files/(A%20Document%20Being%20Saved)/new.txt", [], "def")
    const saved = await call(
      "MOVE",
      "/files/(A%20Document%20Being%20Saved)/new.txt",
      to("/files/new.txt", [["Overwrite", "T"]]),
    )
    assert.strictEqual(saved.status, 204)
    assert.strictEqual((await call("DELETE", "/files/(A%20Document%20Being%20Saved)/")).status, 204)
    assert.strictEqual(read("new.txt"), "def")
    assert.deepStrictEqual(names(), ["a.txt", "dir", "new.txt"])
  })

  it("of Windows copy a file by LOCK, PUT and PROPPATCH, and keep its time", async () => {
    const { call, find, lock, root } = await site()
    const translate = [["Translate", "f"]] as const
    assert.strictEqual((await find("/", "0")).status, 207)
    assert.strictEqual(
      (await call("PROPFIND", "/files/", [...translate, ["Depth", "1"], ["Content-Length", "0"]]))
        .status,
      207,
    )
    assert.strictEqual((await call("PUT", "/files/doc.txt", translate, "")).status, 201)
    const { condition, status } = await lock("/files/doc.txt", [
      ...translate,
      ["Timeout", "Second-3600"],
    ])
    assert.strictEqual(status, 200)
    assert.strictEqual(
      (await call("PUT", "/files/doc.txt", [...translate, condition], "text")).status,
      204,
    )
    const time = "Wed, 05 Feb 2020 10:11:12 GMT"
    const patched = await call(
      "PROPPATCH",
      "/files/doc.txt",
      [condition],
      `<?xml version="1.0" encoding="utf-8" ?><D:propertyupdate xmlns:D="DAV:" xmlns:Z="urn:schemas-microsoft-com:"><D:set><D:prop><Z:Win32CreationTime>${time}</Z:Win32CreationTime><Z:Win32LastAccessTime>${time}</Z:Win32LastAccessTime><Z:Win32LastModifiedTime>${time}</Z:Win32LastModifiedTime><Z:Win32FileAttributes>00000020</Z:Win32FileAttributes></D:prop></D:set></D:propertyupdate>`,
    )
    assert.include(patched.text, "200 OK")
    assert.notInclude(patched.text, "403")
    assert.strictEqual(fs.statSync(path.join(root, "doc.txt")).mtime.toUTCString(), time)
    assert.include((await find("/files/doc.txt", "0")).text, "<Win32FileAttributes xmlns=")
  })

  it("may move to another case of a name, and to a Destination that is a path", async () => {
    const { call, names } = await site()
    assert.strictEqual(
      (await call("MOVE", "/files/a.txt", [["Destination", "/files/A.txt"]])).status,
      201,
    )
    assert.deepStrictEqual(names(), ["A.txt", "dir"])
    const port = [["Destination", "http://files.example:8443/files/B.txt"]] as const
    assert.strictEqual((await call("MOVE", "/files/A.txt", port)).status, 201)
  })
})

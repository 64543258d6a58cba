/**
 * Resumable uploads (tus 1.0) with bodies that break off, overlap or never end, also over a
 * restart of the file server.
 */
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import * as FileServer from "../../../src/fileserver/FileServer.ts"
import type { UploadOptions } from "../../../src/fileserver/uploads/UploadRules.ts"
import { BodyError } from "../../../src/protocol/Exchange.ts"
import * as Body from "../../../src/transport/body/Body.ts"
import { callHandler, openHandler } from "../../support/callHandler.ts"
import { failing, replaceFs, temporaryFolder, untilClosed } from "../../support/temporaryFolder.ts"

const tus = ["Tus-Resumable", "1.0.0"] as const
const part = ["Content-Type", "application/offset+octet-stream"] as const
const base64 = (text: string): string => Buffer.from(text).toString("base64")
const named = (name: string, more = ""): readonly [string, string] => [
  "Upload-Metadata",
  `filename ${base64(name)}${more}`,
]

const site = async (
  uploads: UploadOptions | false = { overwrite: false },
  more: Partial<FileServer.FileServerOptions> = {},
) => {
  const base = temporaryFolder()
  const root = path.join(base, "root")
  fs.mkdirSync(path.join(root, "dir"), { recursive: true })
  fs.mkdirSync(path.join(base, "outside"))
  fs.writeFileSync(path.join(root, "old.txt"), "old")
  const start = () => Effect.runPromise(FileServer.make({ root, uploads, ...more }))
  const handler = await start()
  const call = (
    method: string,
    target: string,
    headers: HeaderList = [],
    body: Body.Body = Body.empty,
  ) => callHandler(handler, { method, target, headers: [tus, ...headers], body })
  const begin = async (name: string, length: number, headers: HeaderList = []) => {
    const answer = await call("POST", "/files/dir/", [
      ["Upload-Length", String(length)],
      named(name),
      ...headers,
    ])
    assert.strictEqual(answer.status, 201, answer.text)
    return new URL(answer.header("location") ?? "", "http://x/files/dir/").href.slice(8)
  }
  const send = (target: string, offset: number, body: Body.Body, headers: HeaderList = []) =>
    call("PATCH", target, [part, ["Upload-Offset", String(offset)], ...headers], body)
  const offset = async (target: string) => (await call("HEAD", target)).header("upload-offset")
  const names = (folder = "dir") => fs.readdirSync(path.join(root, folder)).sort()
  return { base, root, start, handler, call, begin, send, offset, names }
}

/** A body that breaks off after some bytes. */
const broken = (text: string): Body.Body => ({
  length: undefined,
  whole: undefined,
  discard: () => {},
  read: (sink) => {
    queueMicrotask(() => {
      sink.data(Buffer.from(text))
      sink.fail(new BodyError({ reason: "cut", detail: "it broke off" }))
    })
    return { resume: () => {}, cancel: () => {} }
  },
})

/** A body that goes on until it is cancelled. */
const endless = (text: string) => {
  const begun = Promise.withResolvers<void>()
  const body: Body.Body = {
    length: undefined,
    whole: undefined,
    discard: () => {},
    read: (sink) => {
      queueMicrotask(() => {
        sink.data(Buffer.from(text))
        begun.resolve()
      })
      return { resume: () => {}, cancel: () => {} }
    },
  }
  return { body, begun: begun.promise }
}

describe("a resumable upload", () => {
  it("is offered by OPTIONS, with its extensions and limits", async () => {
    const { handler } = await site({ overwrite: false, maxBytes: 1000 })
    const answer = await callHandler(handler, { method: "OPTIONS", target: "/files/dir/" })
    assert.strictEqual(answer.status, 204)
    assert.strictEqual(answer.header("tus-version"), "1.0.0")
    assert.strictEqual(
      answer.header("tus-extension"),
      "creation,creation-with-upload,termination,checksum,expiration",
    )
    assert.strictEqual(answer.header("tus-checksum-algorithm"), "sha1,sha256")
    assert.strictEqual(answer.header("tus-max-size"), "1000")
    const none = await site(false)
    const refused = await none.call("POST", "/files/dir/", [["Upload-Length", "1"], named("a")])
    assert.strictEqual(refused.status, 405)
  })

  it("arrives in parts, and appears under its name when it is complete", async () => {
    const made = await site()
    const upload = await made.begin("größe #1.txt", 10)
    assert.strictEqual((await made.send(upload, 0, Body.fromText("01234"))).status, 204)
    const asked = await made.call("HEAD", upload)
    assert.strictEqual(asked.status, 200)
    assert.strictEqual(asked.header("upload-offset"), "5")
    assert.strictEqual(asked.header("upload-length"), "10")
    assert.strictEqual(asked.header("cache-control"), "no-store")
    assert.strictEqual(asked.header("upload-metadata"), `filename ${base64("größe #1.txt")}`)
    assert.isAbove(Date.parse(asked.header("upload-expires") ?? ""), Date.now())

    const listed = await callHandler(made.handler, { target: "/files/dir/?json" })
    assert.notInclude(listed.text, "ptth-upload")
    const [temporary = ""] = made.names()
    const served = await callHandler(made.handler, { target: `/files/dir/${temporary}` })
    assert.strictEqual(served.status, 404)

    const last = await made.send(upload, 5, Body.fromText("56789"))
    assert.strictEqual(last.status, 204)
    assert.strictEqual(last.header("upload-offset"), "10")
    assert.deepStrictEqual(made.names(), ["größe #1.txt"])
    assert.strictEqual(
      fs.readFileSync(path.join(made.root, "dir/größe #1.txt"), "utf8"),
      "0123456789",
    )
    // A client whose connection broke before the last response asks once more.
    assert.strictEqual(await made.offset(upload), "10")
    assert.deepStrictEqual(await untilClosed(made.root), [])
  })

  it("keeps what arrived before the connection broke, also in a new process", async () => {
    const made = await site()
    const upload = await made.begin("a", 10)
    await made.send(upload, 0, broken("0123"))
    assert.strictEqual(await made.offset(upload), "4")
    const later = await made.start()
    const call = (method: string, headers: HeaderList, body = Body.empty) =>
      callHandler(later, { method, target: upload, headers: [tus, ...headers], body })
    assert.strictEqual((await call("HEAD", [])).header("upload-offset"), "4")
    const rest = await call("PATCH", [part, ["Upload-Offset", "4"]], Body.fromText("456789"))
    assert.strictEqual(rest.status, 204)
    assert.strictEqual(fs.readFileSync(path.join(made.root, "dir/a"), "utf8"), "0123456789")
  })

  it("keeps what arrived before the disk was full, says so, and goes on", async () => {
    const { begin, names, offset, root, send } = await site()
    const upload = await begin("a.txt", 10)
    assert.strictEqual((await send(upload, 0, broken("01234"))).status, 400)
    const { write } = fs
    replaceFs({ write: failing("ENOSPC") })
    const full = await send(upload, 5, Body.fromText("56789"))
    replaceFs({ write })
    assert.strictEqual(full.status, 507)
    assert.include(full.text, "What arrived is kept")
    assert.strictEqual(await offset(upload), "5")
    assert.strictEqual((await send(upload, 5, Body.fromText("56789"))).status, 204)
    assert.deepStrictEqual(names(), ["a.txt"])
    assert.strictEqual(fs.readFileSync(path.join(root, "dir/a.txt"), "utf8"), "0123456789")
  })

  it("is taken over by a new connection while the old one seems to be alive", async () => {
    const made = await site()
    const upload = await made.begin("a", 10)
    const { begun, body } = endless("0123")
    const old = made.send(upload, 0, body)
    await begun
    assert.strictEqual(await made.offset(upload), "4")
    assert.strictEqual((await old).status, 400)
    assert.strictEqual((await made.send(upload, 4, Body.fromText("456789"))).status, 204)
    assert.deepStrictEqual(made.names(), ["a"])
  })

  it("is taken over before the old connection has written anything", async () => {
    const made = await site()
    const upload = await made.begin("a", 10)
    const old = made.send(upload, 0, endless("").body)
    // Whichever request is first, the old one ends when another has come after it.
    await made.offset(upload)
    await made.offset(upload)
    assert.strictEqual((await old).status, 400)
    assert.strictEqual((await made.send(upload, 0, Body.fromText("0123456789"))).status, 204)
  })

  it("also gets what is on its way when a new connection takes over", async () => {
    const made = await site()
    const upload = await made.begin("a", 10)
    const begun = Promise.withResolvers<Body.BodySink>()
    const body: Body.Body = {
      length: undefined,
      whole: undefined,
      discard: () => {},
      read: (sink) => {
        queueMicrotask(() => begun.resolve(sink))
        return { resume: () => {}, cancel: () => {} }
      },
    }
    const old = made.send(upload, 0, body)
    const sink = await begun.promise
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
    try {
      const told = made.offset(upload)
      while (vi.getTimerCount() === 0) await new Promise(setImmediate)
      for (const text of ["0123", "4567"]) {
        sink.data(Buffer.from(text))
        vi.advanceTimersByTime(250)
      }
      vi.advanceTimersByTime(250)
      assert.strictEqual(await told, "8")
    } finally {
      vi.useRealTimers()
    }
    assert.strictEqual((await old).status, 400)
  })

  it("keeps what arrived when its visitor leaves", async () => {
    const made = await site()
    const upload = await made.begin("a", 10)
    const { begun, body } = endless("0123")
    let cancel = () => {}
    cancel = made.handler(
      { method: "PATCH", target: upload, headers: [tus, part, ["Upload-Offset", "0"]] },
      body,
      { respond: () => assert.fail("nobody waits"), fail: () => assert.fail("nobody waits") },
    )
    await begun
    cancel()
    assert.strictEqual(await made.offset(upload), "4")
  })

  it("reads nothing more when its visitor leaves before it has begun to write", async () => {
    const made = await site()
    const upload = await made.begin("a", 10)
    const ended = Promise.withResolvers<void>()
    const cancel = made.handler(
      { method: "PATCH", target: upload, headers: [tus, part, ["Upload-Offset", "0"]] },
      {
        length: undefined,
        whole: undefined,
        discard: () => ended.resolve(),
        read: () => ({ resume: () => {}, cancel: () => ended.resolve() }),
      },
      { respond: () => assert.fail("nobody waits"), fail: () => assert.fail("nobody waits") },
    )
    cancel()
    await ended.promise
    assert.strictEqual(await made.offset(upload), "0")
  })

  it("may begin with a part, or be empty", async () => {
    const made = await site()
    const create = (length: string, name: string, headers: HeaderList, body: Body.Body) =>
      made.call("POST", "/files/dir/", [["Upload-Length", length], named(name), ...headers], body)
    const begun = await create("4", "a", [part], Body.fromText("01"))
    assert.strictEqual(begun.status, 201)
    assert.strictEqual(begun.header("upload-offset"), "2")
    assert.strictEqual((await create("2", "whole", [part], Body.fromText("01"))).status, 201)
    assert.strictEqual((await create("0", "empty", [], Body.empty)).status, 201)
    assert.includeMembers(made.names(), ["empty", "whole"])
    assert.notInclude(made.names(), "a")
  })

  it("leaves nothing of a beginning that is refused, of which nobody knows the address", async () => {
    const made = await site()
    const headers = [["Upload-Length", "10"], named("a"), part] as const
    const wrong = await made.call(
      "POST",
      "/files/dir/",
      [...headers, ["Upload-Checksum", `sha1 ${base64("no checksum")}`]],
      Body.fromText("0123456789"),
    )
    assert.strictEqual(wrong.status, 460)
    const cut = await made.call("POST", "/files/dir/", headers, broken("0123"))
    assert.strictEqual(cut.status, 400)
    assert.deepStrictEqual(made.names(), [])
  })

  it("goes on only at the byte where it is", async () => {
    const made = await site()
    const upload = await made.begin("a", 10)
    const wrong = await made.send(upload, 3, Body.fromText("3456"))
    assert.strictEqual(wrong.status, 409)
    assert.strictEqual(wrong.header("tus-resumable"), "1.0.0")
    const none = await made.call("PATCH", upload, [part], Body.fromText("01"))
    assert.strictEqual(none.status, 409)
    const type = await made.call("PATCH", upload, [["Upload-Offset", "0"]], Body.fromText("01"))
    assert.strictEqual(type.status, 415)
    const more = await made.send(upload, 0, Body.fromText("0123456789+"))
    assert.strictEqual(more.status, 413)
    const longer = await made.send(upload, 0, broken("0123456789+"))
    assert.strictEqual(longer.status, 413)
    assert.strictEqual(await made.offset(upload), "0")
  })

  it.each(["sha1", "sha256"])("drops bytes whose %s checksum is wrong", async (algorithm) => {
    const made = await site()
    const upload = await made.begin("a", 8)
    const checksum = (text: string): readonly [string, string] => [
      "Upload-Checksum",
      `${algorithm} ${createHash(algorithm).update(text).digest("base64")}`,
    ]
    const right = await made.send(upload, 0, Body.fromText("0123"), [checksum("0123")])
    assert.strictEqual(right.status, 204)
    const wrong = await made.send(upload, 4, Body.fromText("4567"), [checksum("0000")])
    assert.strictEqual(wrong.status, 460)
    assert.strictEqual(await made.offset(upload), "4")
    await made.send(upload, 4, broken("45"), [checksum("4567")])
    assert.strictEqual(await made.offset(upload), "4")
    const unknown = await made.send(upload, 4, Body.fromText("4567"), [
      ["Upload-Checksum", "md5 AAAA"],
    ])
    assert.strictEqual(unknown.status, 400)
    const last = await made.send(upload, 4, Body.fromText("4567"), [checksum("4567")])
    assert.strictEqual(last.status, 204)
    assert.deepStrictEqual(made.names(), ["a"])
  })

  it("is ended by DELETE, and expires", async () => {
    const made = await site()
    const upload = await made.begin("a", 10)
    assert.strictEqual((await made.call("DELETE", upload)).status, 204)
    assert.deepStrictEqual(made.names(), [])
    assert.strictEqual((await made.call("HEAD", upload)).status, 404)

    const forgotten = await made.begin("b", 10)
    const old = Date.now() / 1000 - 25 * 3600
    for (const name of made.names()) fs.utimesSync(path.join(made.root, "dir", name), old, old)
    assert.strictEqual((await made.call("HEAD", forgotten)).status, 404)
    assert.deepStrictEqual(made.names(), [])
  })

  it.each<readonly [string, number, HeaderList]>([
    ["without a length", 400, [named("a")]],
    ["with a length that is none", 400, [["Upload-Length", "-1"], named("a")]],
    ["with a length to come", 400, [["Upload-Defer-Length", "1"], named("a")]],
    ["that joins others", 400, [["Upload-Concat", "partial"], ["Upload-Length", "1"], named("a")]],
    ["without a name", 400, [["Upload-Length", "1"]]],
    [
      "with metadata that is no Base64",
      400,
      [
        ["Upload-Length", "1"],
        ["Upload-Metadata", "filename ?"],
      ],
    ],
    ["with long metadata", 400, [["Upload-Length", "1"], named("a", `,x ${"A".repeat(4096)}`)]],
    ["that is too large", 413, [["Upload-Length", "1001"], named("a")]],
    [
      "from another site",
      403,
      [["Upload-Length", "1"], named("a"), ["Sec-Fetch-Site", "cross-site"]],
    ],
    ["in another version", 412, [["Tus-Resumable", "0.2.2"]]],
    ["with a path as its name", 403, [["Upload-Length", "1"], named("../a")]],
    ["with a dotfile as its name", 403, [["Upload-Length", "1"], named(".a")]],
    ["with the name of a temporary file", 403, [["Upload-Length", "1"], named(".ptth-upload-x")]],
    ["with an invisible name", 403, [["Upload-Length", "1"], named("a\u202eb")]],
    ["with a hidden name", 403, [["Upload-Length", "1"], named("a.bak")]],
    [
      "to a folder above",
      403,
      [["Upload-Length", "1"], named("a", `,relativePath ${base64("../x/a")}`)],
    ],
  ])("%s is refused: %i", async (_, status, headers) => {
    const made = await site({ overwrite: false, maxBytes: 1000 }, { hidden: ["*.bak"] })
    const isOther = headers[0]?.[0] === "Tus-Resumable"
    const answer = await callHandler(made.handler, {
      method: "POST",
      target: "/files/dir/",
      headers: isOther ? headers : [tus, ...headers],
    })
    assert.strictEqual(answer.status, status, answer.text)
    if (status === 412) assert.strictEqual(answer.header("tus-version"), "1.0.0")
    assert.deepStrictEqual(made.names(), [])
    assert.deepStrictEqual(made.names(""), ["dir", "old.txt"])
  })

  it("does not replace a file unless that is allowed, whenever the file came", async () => {
    const made = await site()
    fs.writeFileSync(path.join(made.root, "dir", "taken"), "first")
    const refused = await made.call("POST", "/files/dir/", [["Upload-Length", "1"], named("taken")])
    assert.strictEqual(refused.status, 409)
    const upload = await made.begin("late", 2)
    fs.writeFileSync(path.join(made.root, "dir", "late"), "first")
    const last = await made.send(upload, 0, Body.fromText("xx"))
    assert.strictEqual(last.status, 409)
    assert.deepStrictEqual(made.names(), ["late", "taken"])
    assert.strictEqual(fs.readFileSync(path.join(made.root, "dir", "late"), "utf8"), "first")

    const open = await site({ overwrite: true })
    fs.writeFileSync(path.join(open.root, "dir", "a"), "first", { mode: 0o600 })
    const replacing = await open.begin("a", 2)
    assert.strictEqual((await open.send(replacing, 0, Body.fromText("xx"))).status, 204)
    assert.strictEqual(fs.readFileSync(path.join(open.root, "dir", "a"), "utf8"), "xx")
    assert.strictEqual(fs.statSync(path.join(open.root, "dir", "a")).mode & 0o777, 0o600)
    const onlyNew = await open.call("POST", "/files/dir/", [
      ["Upload-Length", "1"],
      ["If-None-Match", "*"],
      named("a"),
    ])
    assert.strictEqual(onlyNew.status, 412)
  })

  it("makes the folders of its relative path, where uploads are allowed", async () => {
    const made = await site({ overwrite: false, folders: ["dir", "dir/in/**", "dir/in"] })
    const create = (path: string) =>
      made.call("POST", "/files/dir/", [
        ["Upload-Length", "1"],
        named("a b", `,relativePath ${base64(path)}`),
      ])
    const answer = await create("in/x y/a b")
    assert.strictEqual(answer.status, 201, answer.text)
    const upload = new URL(answer.header("location") ?? "", "http://x/files/dir/")
    assert.strictEqual(upload.pathname, "/files/dir/in/x%20y/")
    const last = await made.send(upload.pathname + upload.search, 0, Body.fromText("x"))
    assert.strictEqual(last.status, 204)
    assert.deepStrictEqual(made.names("dir/in/x y"), ["a b"])
    assert.strictEqual((await create("out/a b")).status, 403)
    fs.symlinkSync("../../outside", path.join(made.root, "dir", "in", "leaves"))
    assert.strictEqual((await create("in/leaves/a b")).status, 404)
    assert.deepStrictEqual(fs.readdirSync(path.join(made.base, "outside")), [])
  })

  it("tells an address that works below any prefix, with and without a slash", async () => {
    const made = await site()
    for (const [target, expected] of [
      ["/files/dir/", "/p/files/dir/"],
      ["/files/dir", "/p/files/dir/"],
      ["/files/", "/p/files/"],
    ] as const) {
      const answer = await made.call("POST", target, [["Upload-Length", "1"], named("new")])
      assert.strictEqual(answer.status, 201)
      const location = new URL(answer.header("location") ?? "", `http://x/p${target}`)
      assert.strictEqual(location.pathname, expected)
      const end = await made.call("DELETE", location.href.slice("http://x/p".length))
      assert.strictEqual(end.status, 204)
    }
  })

  it("is sent by POST from clients that know no other method", async () => {
    const made = await site()
    const upload = await made.begin("a", 2)
    const answer = await made.call(
      "POST",
      upload,
      [part, ["X-HTTP-Method-Override", "PATCH"], ["Upload-Offset", "0"]],
      Body.fromText("xx"),
    )
    assert.strictEqual(answer.status, 204)
    assert.deepStrictEqual(made.names(), ["a"])
  })

  it("to an address that names none is 404", async () => {
    const made = await site()
    for (const target of [
      "/files/dir/",
      "/files/dir/?tus=x",
      `/files/dir/?tus=${"0".repeat(24)}`,
    ]) {
      assert.strictEqual((await made.call("HEAD", target)).status, 404)
      assert.strictEqual((await made.send(target, 0, Body.fromText("x"))).status, 404)
    }
    const opened = await openHandler(made.handler, { target: "/files/dir/?tus=x" })
    assert.strictEqual(opened.head.status, 200)
  })
})

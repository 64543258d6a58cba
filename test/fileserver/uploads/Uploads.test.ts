/**
 * Uploads by PUT and by forms, with bodies that arrive in pieces, break off, or have illegal
 * names.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as FileServer from "../../../src/fileserver/FileServer.ts"
import type { UploadOptions } from "../../../src/fileserver/uploads/UploadRules.ts"
import { BodyError } from "../../../src/protocol/Exchange.ts"
import * as Body from "../../../src/transport/body/Body.ts"
import type { Handler } from "../../../src/transport/body/Handler.ts"
import { idleRequests } from "../../../src/transport/body/IdleBody.ts"
import * as Deadlines from "../../../src/transport/runtime/Deadlines.ts"
import { type Call, callHandler } from "../../support/callHandler.ts"
import {
  failing,
  replaceFs,
  systemError,
  temporaryFolder,
  untilClosed,
} from "../../support/temporaryFolder.ts"

const site = async (
  uploads: UploadOptions | false = { overwrite: false },
  more: Partial<FileServer.FileServerOptions> = {},
) => {
  const base = temporaryFolder()
  const root = path.join(base, "root")
  fs.mkdirSync(path.join(root, "dir"), { recursive: true })
  fs.mkdirSync(path.join(base, "outside"))
  fs.writeFileSync(path.join(root, "old.txt"), "old")
  fs.writeFileSync(path.join(base, "outside", "victim"), "victim")
  const handler: Handler = await Effect.runPromise(FileServer.make({ root, uploads, ...more }))
  const put = (target: string, text: string, headers: Call["headers"] = []) =>
    callHandler(handler, { method: "PUT", target, headers, body: Body.fromText(text) })
  const tree = (): ReadonlyArray<string> =>
    fs.readdirSync(base, { recursive: true, encoding: "utf8" }).sort()
  return { base, root, handler, put, tree }
}

const form = (parts: ReadonlyArray<readonly [name: string, content: string]>, end = "--\r\n") => ({
  headers: [["Content-Type", "multipart/form-data; boundary=XX"]] as const,
  text: `${parts
    .map(
      ([name, content]) =>
        `--XX\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: text/plain\r\n\r\n${content}\r\n`,
    )
    .join("")}--XX${end}`,
})

/** A body that comes in pieces, each when the last one has been taken, and breaks off if told so. */
const inPieces = (pieces: ReadonlyArray<Uint8Array>, broken = false) => {
  const state = { given: 0, held: 0, cancelled: false }
  const body: Body.Body = {
    length: undefined,
    whole: undefined,
    discard: () => {
      state.cancelled = true
    },
    read: (sink) => {
      let over = false
      const next = (): void => {
        while (!over && state.given < pieces.length) {
          if (!sink.data(pieces[state.given++] as Uint8Array)) {
            state.held++
            return
          }
        }
        if (over) return
        over = true
        if (broken) sink.fail(new BodyError({ reason: "cut", detail: "it broke off" }))
        else sink.end([])
      }
      queueMicrotask(next)
      return {
        resume: () => queueMicrotask(next),
        cancel: () => {
          over = true
          state.cancelled = true
        },
      }
    },
  }
  return { body, state }
}

describe("an upload", () => {
  it("is 405 unless uploads are allowed", async () => {
    const { handler, put, tree } = await site(false)
    const before = tree()
    const answer = await put("/files/new", "x")
    assert.strictEqual(answer.status, 405)
    assert.strictEqual(answer.header("allow"), "GET, HEAD, OPTIONS, PROPFIND")
    const page = await callHandler(handler, { target: "/files/" })
    assert.notInclude(page.text, "multipart/form-data")
    assert.deepStrictEqual(tree(), before)
  })

  it.effect("without data for five minutes is cancelled and deleted", () =>
    Effect.gen(function* () {
      const { handler, tree } = yield* Effect.promise(() => site())
      const before = tree()
      const deadlines = yield* Deadlines.make
      const patient = idleRequests(handler, deadlines, 300_000)
      const begun = Promise.withResolvers<void>()
      const body: Body.Body = {
        length: 10,
        whole: undefined,
        discard: () => {},
        read: (sink) => {
          queueMicrotask(() => {
            sink.data(Buffer.from("half"))
            begun.resolve()
          })
          return { resume: () => {}, cancel: () => {} }
        },
      }
      const answered = callHandler(patient, { method: "PUT", target: "/files/new", body })
      yield* Effect.promise(() => begun.promise)
      yield* TestClock.adjust(300_000 + Deadlines.sweepMillis)
      const { status, text } = yield* Effect.promise(() => answered)
      assert.strictEqual(status, 400)
      assert.include(text, "broke off")
      assert.deepStrictEqual(tree(), before)
    }),
  )

  it("is announced on the page at the top, as is that there are none", async () => {
    const top = async (uploads: UploadOptions | false) =>
      (await callHandler((await site(uploads)).handler, { target: "/" })).text
    assert.include(await top({ overwrite: false }), "files may be uploaded to it")
    assert.include(await top(false), "for reading only")
  })

  it("by PUT creates a file of exactly its bytes, under any legal name", async () => {
    const { handler, put, root } = await site()
    for (const name of ["new.txt", "a#b?c%41.txt", "名前 😀", "<b>\"'&", "x".repeat(200), "*[?]"]) {
      const target = `/files/dir/${encodeURIComponent(name)}`
      const answer = await put(target, `content of ${name}`)
      assert.strictEqual(answer.status, 201, name)
      assert.strictEqual(
        fs.readFileSync(path.join(root, "dir", name), "utf8"),
        `content of ${name}`,
      )
      assert.strictEqual((await callHandler(handler, { target })).text, `content of ${name}`)
    }
    assert.strictEqual((await put("/files/raw%FF", "raw")).status, 201)
    assert.include(fs.readdirSync(root, { encoding: "latin1" }), "raw\xff")
    assert.strictEqual((await put("/files/empty", "")).status, 201)
    assert.strictEqual(fs.statSync(path.join(root, "empty")).size, 0)
  })

  it("of many bytes pauses its sender while the disk is slower", async () => {
    const { handler, root } = await site()
    const piece = Buffer.alloc(256 * 1024, "0123456789")
    const { body, state } = inPieces(Array.from({ length: 40 }, () => piece))
    const answer = await callHandler(handler, { method: "PUT", target: "/files/big", body })
    assert.strictEqual(answer.status, 201)
    assert.isAbove(state.held, 0)
    const written = fs.readFileSync(path.join(root, "big"))
    assert.isTrue(written.equals(Buffer.concat(Array.from({ length: 40 }, () => piece))))
    assert.deepStrictEqual(await untilClosed(root), [])
  })

  it.each([
    ["/files/../escaped", 400],
    ["/files/%2e%2e/escaped", 400],
    ["/files/%2Fetc%2Fescaped", 400],
    ["/files//etc/escaped", 404],
    ["/files/a%00b", 400],
    ["/files/..%5Cescaped", 403],
    ["/files/.dotfile", 403],
    ["/files/dir/.ptth-upload-x", 403],
    ["/files/.ssh/authorized_keys", 403],
    ["/files/absent/new", 404],
    ["/files/old.txt/new", 404],
    ["/files/leaves/new", 404],
    ["/files/hidden.bak", 403],
    ["/files/config.toml", 403],
    ["/files/", 405],
    ["/files/dir/", 405],
    ["/files", 403],
    ["/new", 405],
    ["/api/v1/dir/new", 405],
    [`/files/${"x".repeat(300)}`, 403],
  ])("to %s is refused: %i", async (target, status) => {
    const made = await site()
    fs.symlinkSync("../outside", path.join(made.root, "leaves"))
    const handler = await Effect.runPromise(
      FileServer.make({
        root: made.root,
        uploads: { overwrite: true },
        hidden: ["*.bak"],
        hiddenFiles: [path.join(made.root, "config.toml")],
      }),
    )
    const before = made.tree()
    const answer = await callHandler(handler, {
      method: "PUT",
      target,
      body: Body.fromText("x"),
      headers: [["Accept", "application/json"]],
    })
    assert.strictEqual(answer.status, status, answer.text)
    assert.deepStrictEqual(made.tree(), before)
    assert.deepStrictEqual(await untilClosed(made.base), [])
  })

  it("never replaces a link or a folder, nor follows a link outside", async () => {
    const { base, put, root } = await site({ overwrite: true })
    fs.symlinkSync("../outside/victim", path.join(root, "out"))
    fs.symlinkSync("old.txt", path.join(root, "in"))
    fs.symlinkSync("../outside/unborn", path.join(root, "dangling"))
    for (const name of ["out", "in", "dangling", "dir"]) {
      assert.strictEqual((await put(`/files/${name}`, "x")).status, 409, name)
    }
    assert.strictEqual(fs.readFileSync(path.join(base, "outside", "victim"), "utf8"), "victim")
    assert.isFalse(fs.existsSync(path.join(base, "outside", "unborn")))
    assert.strictEqual(fs.readFileSync(path.join(root, "old.txt"), "utf8"), "old")
  })

  it("replaces nothing unless that is allowed, even if another file is created meanwhile", async () => {
    const { put, root, tree } = await site()
    assert.strictEqual((await put("/files/old.txt", "new")).status, 409)
    assert.strictEqual(fs.readFileSync(path.join(root, "old.txt"), "utf8"), "old")
    const fsync = fs.fsync
    replaceFs({
      fsync: ((handle: number, done: fs.NoParamCallback) => {
        fs.writeFileSync(path.join(root, "race"), "first")
        fsync(handle, done)
      }) as unknown as typeof fs.fsync,
    })
    const before = tree()
    assert.strictEqual((await put("/files/race", "second")).status, 409)
    assert.strictEqual(fs.readFileSync(path.join(root, "race"), "utf8"), "first")
    assert.strictEqual((await put("/files/race", "x", [["If-None-Match", "*"]])).status, 412)
    assert.deepStrictEqual(tree(), [...before, "root/race"].sort())
  })

  it("replaces atomically where it is allowed, if its preconditions hold", async () => {
    const { handler, put, root } = await site({ overwrite: true })
    assert.strictEqual((await put("/files/old.txt", "newer")).status, 204)
    assert.strictEqual(fs.readFileSync(path.join(root, "old.txt"), "utf8"), "newer")
    fs.utimesSync(path.join(root, "old.txt"), 1e9, 1e9)
    const etag = (await callHandler(handler, { target: "/files/old.txt" })).header("etag") ?? ""
    for (const headers of [
      [["If-None-Match", "*"]],
      [["If-None-Match", etag]],
      [["If-Match", '"other"']],
      [["If-Unmodified-Since", "Sun, 09 Sep 2000 01:46:40 GMT"]],
    ] as ReadonlyArray<Call["headers"]>) {
      assert.strictEqual((await put("/files/old.txt", "lost", headers)).status, 412)
    }
    assert.strictEqual((await put("/files/none", "lost", [["If-Match", "*"]])).status, 412)
    assert.strictEqual((await put("/files/old.txt", "newest", [["If-Match", etag]])).status, 204)
    assert.strictEqual(fs.readFileSync(path.join(root, "old.txt"), "utf8"), "newest")
    assert.strictEqual((await put("/files/old.txt", "stale", [["If-Match", etag]])).status, 412)
  })

  it("that replaces a file keeps its mode, and stays private all the time", async () => {
    const { put, root } = await site({ overwrite: true })
    const fsync = fs.fsync
    const modes: Array<number> = []
    replaceFs({
      fsync: ((handle: number, done: fs.NoParamCallback) => {
        modes.push(fs.fstatSync(handle).mode & 0o777)
        fsync(handle, done)
      }) as unknown as typeof fs.fsync,
    })
    const wanted = [0o600, 0o640, 0o755, 0o664, 0o711]
    for (const mode of wanted) {
      fs.chmodSync(path.join(root, "old.txt"), mode)
      assert.strictEqual((await put("/files/old.txt", `as ${mode}`)).status, 204)
      assert.strictEqual(fs.readFileSync(path.join(root, "old.txt"), "utf8"), `as ${mode}`)
      assert.strictEqual(fs.statSync(path.join(root, "old.txt")).mode & 0o777, mode)
    }
    assert.deepStrictEqual(modes, wanted)
    assert.strictEqual((await put("/files/fresh", "x")).status, 201)
    assert.strictEqual(fs.statSync(path.join(root, "fresh")).mode & 0o711, 0o600)
  })

  it("does not replace a file that may not be written", async () => {
    const { handler, put, root, tree } = await site({ overwrite: true })
    const access = fs.access
    replaceFs({
      access: ((file: fs.PathLike, mode: number, done: fs.NoParamCallback) =>
        String(file).endsWith("old.txt")
          ? done(systemError("EACCES"))
          : access(file, mode, done)) as unknown as typeof fs.access,
    })
    const before = tree()
    const answer = await put("/files/old.txt", "new")
    assert.strictEqual(answer.status, 403)
    assert.include(answer.text, "\u201cold.txt\u201d is write-protected")
    assert.strictEqual((await callHandler(handler, { target: "/files/old.txt" })).text, "old")
    assert.deepStrictEqual(tree(), before)
    assert.strictEqual((await put("/files/new.txt", "new")).status, 201)
    assert.strictEqual(fs.readFileSync(path.join(root, "new.txt"), "utf8"), "new")
  })

  it("over the limit is 413, with or without a Content-Length, and leaves nothing", async () => {
    const { base, handler, put, tree } = await site({ overwrite: false, maxBytes: 10 })
    const before = tree()
    assert.strictEqual((await put("/files/new", "x".repeat(11))).status, 413)
    const { body, state } = inPieces([Buffer.alloc(6), Buffer.alloc(6), Buffer.alloc(6)])
    const answer = await callHandler(handler, { method: "PUT", target: "/files/new", body })
    assert.strictEqual(answer.status, 413)
    assert.isTrue(state.cancelled)
    assert.deepStrictEqual(tree(), before)
    assert.strictEqual((await put("/files/new", "x".repeat(10))).status, 201)
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it.each([
    ["ENOSPC", 507],
    ["EDQUOT", 507],
    ["EFBIG", 413],
    ["EIO", 500],
  ])("that meets %s is %i and leaves nothing", async (code, status) => {
    const { base, put, tree } = await site()
    const before = tree()
    replaceFs({ write: failing(code) })
    const answer = await put("/files/new", "x")
    assert.strictEqual(answer.status, status)
    assert.deepStrictEqual(tree(), before)
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("whose fsync fails on a full disk is 507 and leaves nothing", async () => {
    const { put, tree } = await site()
    const before = tree()
    replaceFs({
      fsync: ((_handle: number, done: (error: Error) => void) =>
        done(systemError("ENOSPC"))) as unknown as typeof fs.fsync,
    })
    assert.strictEqual((await put("/files/new", "x")).status, 507)
    assert.deepStrictEqual(tree(), before)
  })

  it("that breaks off, or whose visitor leaves, leaves nothing", async () => {
    const { base, handler, tree } = await site()
    const before = tree()
    const { body } = inPieces([Buffer.alloc(100)], true)
    const answer = await callHandler(handler, { method: "PUT", target: "/files/new", body })
    assert.strictEqual(answer.status, 400)
    assert.deepStrictEqual(tree(), before)

    const begun = Promise.withResolvers<void>()
    const endless: Body.Body = {
      length: undefined,
      whole: undefined,
      discard: () => {},
      read: (sink) => {
        queueMicrotask(() => {
          sink.data(Buffer.alloc(100))
          begun.resolve()
        })
        return { resume: () => {}, cancel: () => {} }
      },
    }
    const cancel = handler({ method: "PUT", target: "/files/new", headers: [] }, endless, {
      respond: () => assert.fail("it was answered"),
      fail: () => assert.fail("it failed"),
    })
    await begun.promise
    cancel()
    assert.deepStrictEqual(await untilClosed(base), [])
    for (let turn = 0; turn < 200 && tree().length > before.length; turn++) {
      await fs.promises.stat(base)
    }
    assert.deepStrictEqual(tree(), before)
  })

  it("is not visible before it is complete, even where dotfiles are served", async () => {
    const { handler, root } = await site({ overwrite: false }, { dotfiles: true })
    fs.writeFileSync(path.join(root, ".ptth-upload-0123"), "half")
    assert.notInclude((await callHandler(handler, { target: "/files/?json" })).text, "ptth-upload")
    assert.strictEqual(
      (await callHandler(handler, { target: "/files/.ptth-upload-0123" })).status,
      404,
    )
  })

  it("is refused from other sites, and accepted from this one and from no page", async () => {
    const { handler, put, tree } = await site({ overwrite: true })
    const before = tree()
    const host = ["Host", "a.example:8080"] as const
    for (const headers of [
      [host, ["Sec-Fetch-Site", "cross-site"]],
      [host, ["Sec-Fetch-Site", "same-site"]],
      [host, ["Origin", "https://evil.example"]],
      [host, ["Origin", "null"]],
      [host, ["Origin", "http://a.example"]],
      [["Origin", "http://a.example:8080"]],
      [host, ["Sec-Fetch-Site", "cross-site"], ["Origin", "http://a.example:8080"]],
    ] as ReadonlyArray<NonNullable<Call["headers"]>>) {
      assert.strictEqual((await put("/files/new", "x", headers)).status, 403)
      const { headers: type, text } = form([["new", "x"]])
      const posted = await callHandler(handler, {
        method: "POST",
        target: "/files/",
        headers: [...headers, ...type],
        body: Body.fromText(text),
      })
      assert.strictEqual(posted.status, 403)
    }
    assert.deepStrictEqual(tree(), before)
    for (const headers of [
      [],
      [host, ["Sec-Fetch-Site", "same-origin"]],
      [host, ["Origin", "http://a.example:8080"]],
      [host, ["X-Forwarded-Host", "relay.example"], ["Origin", "https://relay.example"]],
    ] as ReadonlyArray<NonNullable<Call["headers"]>>) {
      assert.include([201, 204], (await put("/files/new", "x", headers)).status)
    }
  })

  it("with a Content-Encoding or a Content-Range is refused", async () => {
    const { put, tree } = await site()
    const before = tree()
    assert.strictEqual((await put("/files/n", "x", [["Content-Range", "bytes 0-0/2"]])).status, 400)
    assert.strictEqual((await put("/files/n", "x", [["Content-Encoding", "gzip"]])).status, 415)
    assert.deepStrictEqual(tree(), before)
  })

  it("is accepted only by the allowed folders, which alone have the form", async () => {
    const { handler, put, root } = await site({ overwrite: false, folders: ["dir", "in/**"] })
    fs.mkdirSync(path.join(root, "in", "deep"), { recursive: true })
    assert.strictEqual((await put("/files/new", "x")).status, 403)
    assert.strictEqual((await put("/files/dir/new", "x")).status, 201)
    assert.strictEqual((await put("/files/in/deep/new", "x")).status, 201)
    const hasForm = async (target: string): Promise<boolean> =>
      (await callHandler(handler, { target })).text.includes("multipart/form-data")
    assert.isFalse(await hasForm("/files/"))
    assert.isTrue(await hasForm("/files/dir/"))
  })
})

describe("a form", () => {
  const post = async (handler: Handler, text: string | Body.Body, target = "/files/dir/") =>
    callHandler(handler, {
      method: "POST",
      target,
      headers: form([]).headers,
      body: typeof text === "string" ? Body.fromText(text) : text,
    })

  it("stores each of its files and redirects to the folder", async () => {
    const { handler, root } = await site()
    const { text } = form([
      ["one.txt", "1"],
      ["größe %22 #?.txt", "2\r\n--X not the end"],
      ["", ""],
      ["empty", ""],
    ])
    const answer = await post(handler, text)
    assert.strictEqual(answer.status, 303)
    assert.strictEqual(answer.header("location"), "./")
    const names = fs.readdirSync(path.join(root, "dir")).sort()
    assert.deepStrictEqual(names, ["empty", 'größe " #?.txt', "one.txt"])
    assert.strictEqual(
      fs.readFileSync(path.join(root, "dir", 'größe " #?.txt'), "utf8"),
      "2\r\n--X not the end",
    )
  })

  it("with two files of one name stores the first and names the second, even where it may replace", async () => {
    const { handler, root } = await site({ overwrite: true })
    const { text } = form([
      ["image.jpg", "1"],
      ["image.jpg", "2"],
      ["b", "3"],
    ])
    const answer = await post(handler, text)
    assert.strictEqual(answer.status, 409)
    assert.include(answer.text, "image.jpg")
    const read = (name: string) => fs.readFileSync(path.join(root, "dir", name), "utf8")
    assert.deepStrictEqual([read("image.jpg"), read("b")], ["1", "3"])
  })

  it("in pieces of any size stores the same", async () => {
    const { handler, root } = await site()
    const content = "0123456789\r\n".repeat(500)
    const bytes = Buffer.from(
      form([
        ["a", content],
        ["b", content],
      ]).text,
    )
    for (const size of [1, 7, 1000]) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
      )
      assert.strictEqual((await post(handler, inPieces(pieces).body)).status, 303)
      for (const name of ["a", "b"]) {
        assert.strictEqual(fs.readFileSync(path.join(root, "dir", name), "utf8"), content)
        fs.rmSync(path.join(root, "dir", name))
      }
    }
  })

  it.each(["../escaped", "..", ".", "/etc/escaped", ".dot", "a/b", "dir/../../x"])(
    "with a file named %j leaves nothing",
    async (name) => {
      const { handler, tree } = await site({ overwrite: true })
      const before = tree()
      assert.strictEqual((await post(handler, form([[name, "x"]]).text)).status, 403)
      assert.deepStrictEqual(tree(), before)
    },
  )

  it.each([
    ["is cut in a file", form([["a", "xxxx"]]).text.slice(0, -12)],
    ["is cut behind a file", form([["a", "xxxx"]], "").text],
    ["has no boundary", "nothing"],
    ["is empty", ""],
  ])("that %s is 400 and leaves no partial file", async (_, text) => {
    const { base, handler, tree } = await site()
    const before = tree()
    assert.strictEqual((await post(handler, text)).status, 400)
    assert.deepStrictEqual(await untilClosed(base), [])
    assert.deepStrictEqual(tree(), before)
  })

  it("stores the other files if some are refused, and names those that are not stored", async () => {
    const { handler, root } = await site()
    fs.writeFileSync(path.join(root, "dir", "there"), "there")
    const files = ["one.txt", ".env", "two.txt", "there", "a\u202eb"].map(
      (name) => [name, "x"] as const,
    )
    const answer = await callHandler(handler, {
      method: "POST",
      target: "/files/dir/",
      headers: [...form([]).headers, ["Accept", "application/json"]],
      body: Body.fromText(form(files).text),
    })
    assert.strictEqual(answer.status, 403)
    const { detail } = JSON.parse(answer.text) as { readonly detail: string }
    for (const text of [".env", "\u201cthere\u201d already exists", "control or invisible"]) {
      assert.include(detail, text)
    }
    assert.include(detail, "Stored: \u201cone.txt\u201d, \u201ctwo.txt\u201d.")
    assert.sameMembers(fs.readdirSync(path.join(root, "dir")), ["one.txt", "two.txt", "there"])
    assert.strictEqual(fs.readFileSync(path.join(root, "dir", "there"), "utf8"), "there")
  })

  it("may have text fields of any length, which are passed over", async () => {
    const { handler, tree } = await site()
    const before = tree()
    const field = (size: number): string =>
      `--XX\r\nContent-Disposition: form-data; name="text"\r\n\r\n${"x".repeat(size)}\r\n`
    const text = field(5_000) + field(2_000_000) + form([["a.txt", "a"]]).text
    assert.strictEqual((await post(handler, text)).status, 303)
    assert.deepStrictEqual(tree(), [...before, "root/dir/a.txt"].sort())
  })

  it("with too many parts says so, and which files were stored", async () => {
    const { handler, tree } = await site()
    const field = `--XX\r\nContent-Disposition: form-data; name="x"\r\n\r\n\r\n`
    const answer = await post(handler, form([["a.txt", "a"]], "\r\n").text + field.repeat(1_000))
    assert.strictEqual(answer.status, 413)
    assert.include(answer.text, "1000 files and fields")
    const isStored = tree().includes("root/dir/a.txt")
    assert.strictEqual(answer.text.includes("Stored: \u201ca.txt\u201d."), isStored)
    assert.strictEqual(answer.text.includes("No file was stored."), !isStored)
  })

  it("from Windows has its files without the folders of the sender", async () => {
    const { handler, root } = await site()
    const { text } = form([["C:\\docs\\w.txt", "w"]])
    assert.strictEqual((await post(handler, text)).status, 303)
    assert.deepStrictEqual(fs.readdirSync(path.join(root, "dir")), ["w.txt"])
  })

  it("of another type is 415", async () => {
    const { handler } = await site()
    const answer = await callHandler(handler, {
      method: "POST",
      target: "/files/",
      headers: [["Content-Type", "text/plain"]],
      body: Body.fromText("x"),
    })
    assert.strictEqual(answer.status, 415)
  })

  it("with a file that exists or is too large is refused", async () => {
    const { handler, root, tree } = await site({ overwrite: false, maxBytes: 1000 })
    fs.writeFileSync(path.join(root, "dir", "there"), "there")
    const before = tree()
    assert.strictEqual((await post(handler, form([["there", "x"]]).text)).status, 409)
    const large = form([["large", "x".repeat(2000)]]).text
    assert.strictEqual((await post(handler, large)).status, 413)
    assert.deepStrictEqual(tree(), before)
  })
})

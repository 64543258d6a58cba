/** The media type and charset of a file by its name and its first bytes. */
import * as fs from "node:fs"
import * as path from "node:path"
import * as zlib from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { callHandler, openHandler } from "../../support/callHandler.ts"
import { servedFolder } from "../../support/servedFolder.ts"
import { temporaryFolder, untilClosed } from "../../support/temporaryFolder.ts"

const utf16 = (text: string): Buffer => Buffer.from(`\ufeff${text}`, "utf16le")
const latin1 = (text: string): Buffer => Buffer.from(text, "latin1")
const packets = (length: number, sync: number): Buffer => {
  const bytes = Buffer.alloc(length * 40)
  for (let i = 0; i < 40; i++) bytes[i * length + sync] = 0x47
  return bytes
}

const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')

describe("the Content-Type of a file", () => {
  it.each<readonly [string, string | Buffer, string]>([
    ["utf8.txt", "K\u00e4se", "text/plain; charset=utf-8"],
    ["ascii.txt", "plain", "text/plain; charset=utf-8"],
    ["empty.txt", "", "text/plain; charset=utf-8"],
    ["marked.txt", "\ufeffK\u00e4se", "text/plain; charset=utf-8"],
    ["latin.txt", latin1("K\u00e4se"), "text/plain"],
    ["late.txt", Buffer.concat([Buffer.alloc(100_000, "a"), latin1("\u00e4")]), "text/plain"],
    ["utf16.txt", utf16("K\u00e4se"), "text/plain; charset=utf-16"],
    ["utf16-unmarked.txt", Buffer.from("Kaese", "utf16le"), "text/plain"],
    ["jis.txt", "\u001b$B$3\u001b(B", "text/plain"],
    ["page.html", "<p>K\u00e4se", "text/html; charset=utf-8"],
    ["said.html", '<meta charset="UTF-8"><p>K\u00e4se', "text/html; charset=utf-8"],
    ["old.html", latin1('<meta charset="windows-1252"><p>K\u00e4se'), "text/html"],
    [
      "old.htm",
      '<meta http-equiv="Content-Type" content="text/html; charset=shift_jis">ascii',
      "text/html",
    ],
    ["old.xml", '<?xml version="1.0" encoding="iso-8859-1"?><a/>', "application/xml"],
    ["old.css", '@charset "iso-8859-1"; a {}', "text/css"],
    ["style.css", "a { content: '\u00e4' }", "text/css; charset=utf-8"],
    ["large.txt", "\u65e5".repeat(400_000), "text/plain; charset=utf-8"],
    ["app.ts", "let a: number = 1\n".repeat(50), "text/plain; charset=utf-8"],
    ["Film.TS", packets(188, 0), "video/mp2t"],
    ["camera.mts", packets(192, 4), "video/mp2t"],
    ["camera.m2ts", packets(192, 4), "video/mp2t"],
    ["G.txt", "G".repeat(1000), "text/plain; charset=utf-8"],
  ])("%s tells only what is true", async (name, content, type) => {
    const { base, get, head } = await servedFolder({ [name]: content })
    const bytes = Buffer.from(content)
    for (let repetition = 0; repetition < 2; repetition++) {
      const answer = await get(`/files/${name}`)
      assert.strictEqual(answer.header("content-type"), type)
      assert.isTrue(answer.body.equals(bytes))
      assert.strictEqual((await head(`/files/${name}`)).header("content-type"), type)
      const coded = await get(`/files/${name}`, [["Accept-Encoding", "gzip"]])
      assert.strictEqual(coded.header("content-type"), type)
      if (type === "video/mp2t") assert.isUndefined(coded.header("content-encoding"))
      if (bytes.length < 3) continue
      const part = await get(`/files/${name}`, [["Range", "bytes=1-2"]])
      assert.strictEqual(part.header("content-type"), type)
      assert.isTrue(part.body.equals(bytes.subarray(1, 3)))
    }
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("follows the file when it changes", async () => {
    const { get, write } = await servedFolder({ "a.txt": "K\u00e4se" })
    assert.include((await get("/files/a.txt")).header("content-type"), "utf-8")
    write("a.txt", latin1("K\u00e4se!"), 60)
    assert.strictEqual((await get("/files/a.txt")).header("content-type"), "text/plain")
  })
})

describe("a compressed image", () => {
  it("has its coding, and no second one", async () => {
    const { get } = await servedFolder({ "a.svgz": zlib.gzipSync(svg), "b.svgz": svg })
    for (const value of ["gzip, br", "identity", "br"]) {
      const answer = await get("/files/a.svgz", [["Accept-Encoding", value]])
      assert.strictEqual(answer.header("content-type"), "image/svg+xml")
      assert.strictEqual(answer.header("content-encoding"), "gzip")
      assert.isTrue(zlib.gunzipSync(answer.body).equals(svg))
    }
    assert.isUndefined((await get("/files/b.svgz")).header("content-encoding"))
  })
})

describe.skipIf(!fs.existsSync("/proc/self/status"))("files of no size with content", () => {
  it("are sent whole, and their handle is closed", async () => {
    const { base, handler, root } = await servedFolder({}, { symlinks: "follow" })
    fs.symlinkSync("/proc/version", path.join(root, "version"))
    fs.symlinkSync("/proc/kallsyms", path.join(root, "kallsyms"))
    const get = (target: string, method = "GET") => callHandler(handler, { method, target })
    const answer = await get("/files/version")
    assert.strictEqual(answer.status, 200)
    assert.strictEqual(answer.text, fs.readFileSync("/proc/version", "utf8"))
    assert.isUndefined(answer.header("content-length"))
    const head = await get("/files/version", "HEAD")
    assert.strictEqual(head.status, 200)
    assert.isUndefined(head.header("content-length"))
    const opened = await openHandler(handler, { target: "/files/kallsyms" })
    opened.cancel()
    assert.deepStrictEqual(await untilClosed("/proc/kallsyms"), [])
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it.skipIf(!fs.existsSync("/sys/kernel/mm/transparent_hugepage/enabled"))(
    "and those that are shorter than their size are sent as they are",
    async () => {
      const { handler, root } = await servedFolder({}, { symlinks: "follow" })
      const file = "/sys/kernel/mm/transparent_hugepage/enabled"
      fs.symlinkSync(file, path.join(root, "enabled"))
      const answer = await callHandler(handler, { target: "/files/enabled" })
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(answer.text, fs.readFileSync(file, "utf8"))
    },
  )
})

it("a FIFO is not opened, so that nobody waits for its writer", async () => {
  const base = temporaryFolder()
  const { get, root } = await servedFolder({})
  const { execFileSync } = await import("node:child_process")
  execFileSync("mkfifo", [path.join(root, "fifo.txt")])
  assert.strictEqual((await get("/files/fifo.txt")).status, 404)
  assert.deepStrictEqual(await untilClosed(base), [])
})

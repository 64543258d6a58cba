/**
 * The search below a folder: what it finds, its limits, and what it must not reach.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Headers from "../../../src/domain/HeaderList.ts"
import * as Search from "../../../src/fileserver/listing/Search.ts"
import * as HiddenFiles from "../../../src/fileserver/root/HiddenFiles.ts"
import * as Root from "../../../src/fileserver/root/Root.ts"
import { callHandler, leaveAfterFirst, openHandler } from "../../support/callHandler.ts"
import { servedFolder } from "../../support/servedFolder.ts"
import { untilClosed } from "../../support/temporaryFolder.ts"

interface Item {
  readonly name: string
  readonly path: string
  readonly href: string
  readonly is_dir: boolean
  readonly size: number
}
interface FoundJson {
  readonly query: string
  readonly entries: ReadonlyArray<Item>
  readonly looked_at: number
  readonly cut_short: boolean
}
describe("the search", () => {
  const site = () =>
    servedFolder({
      "Report.txt": "1",
      "dir/report-2.md": "22",
      "dir/deep/REPORTS/x.txt": "",
      "dir/deep/other.txt": "",
      "été.txt": "",
      ".report": "SECRET",
    })
  const find = async (target: string, made?: Awaited<ReturnType<typeof site>>) => {
    const { get } = made ?? (await site())
    const answer = await get(target)
    assert.strictEqual(answer.status, 200)
    return JSON.parse(answer.text) as FoundJson
  }

  it("finds names at any depth, ignoring case, the nearest first", async () => {
    const made = await site()
    const found = await find("/files/?q=rEPoRt&json", made)
    assert.deepStrictEqual(
      found.entries.map(({ path, is_dir, size }) => [path, is_dir, size]),
      [
        ["Report.txt", false, 1],
        ["dir/report-2.md", false, 2],
        ["dir/deep/REPORTS", true, 0],
      ],
    )
    assert.isFalse(found.cut_short)
    assert.strictEqual(found.query, "rEPoRt")
    assert.strictEqual(found.looked_at, 8)
    for (const { href } of found.entries) {
      assert.strictEqual((await made.get(`/files/${href}`)).status, 200)
    }
    assert.deepStrictEqual(await untilClosed(made.base), [])
  })

  it("starts at the folder of the address, also through the JSON interface", async () => {
    for (const target of ["/files/dir/?q=report&json", "/api/v1/dir/dir/?q=report"]) {
      const found = await find(target)
      assert.deepStrictEqual(
        found.entries.map(({ path }) => path),
        ["report-2.md", "deep/REPORTS"],
      )
    }
  })

  it.each([
    ["%C3%A9t%C3%A9", 1],
    ["e%CC%81", 1],
    ["%C3%89", 1],
    ["x.txt", 1],
    [".txt", 4],
    ["%2F", 0],
    ["*", 0],
    ["%00", 0],
    ["%FF", 0],
    ["report+", 0],
    ["x".repeat(5000), 0],
  ])("for %j finds %i", async (text, count) => {
    assert.lengthOf((await find(`/files/?q=${text}&json`)).entries, count)
  })

  it.each([
    ["istanbul", "İstanbul.txt"],
    ["İSTANBUL", "İstanbul.txt"],
    ["strasse", "Straße.txt"],
    ["STRAẞE", "Straße.txt"],
    ["résumé".normalize("NFC"), "Résumé.pdf".normalize("NFD")],
    ["übung".normalize("NFD"), "Übung.txt"],
  ])("finds for %s the name %s, as the filter does", async (text, name) => {
    const { get } = await servedFolder({ [name]: "", "other.txt": "" })
    const query = encodeURIComponent(text)
    const { entries } = JSON.parse((await get(`/files/?q=${query}&json`)).text) as FoundJson
    assert.deepStrictEqual(
      entries.map(({ path }) => path),
      [name],
    )
    const page = await get(`/files/?filter=${query}`)
    assert.deepStrictEqual(
      [...page.text.matchAll(/<tr data-name="([^"]*)"/g)].map(([, shown]) => shown),
      [name],
    )
  })

  it("for an empty text lists the folder", async () => {
    const { get } = await site()
    for (const query of ["q", "q="]) {
      assert.strictEqual(
        (await get(`/files/?${query}&json`)).text,
        (await get("/files/?json")).text,
      )
    }
  })

  it("finds links but never follows them", async () => {
    const made = await site()
    const { base, root } = made
    fs.mkdirSync(path.join(base, "outside"))
    fs.writeFileSync(path.join(base, "outside", "report-out"), "SECRET")
    fs.symlinkSync(".", path.join(root, "report-loop"))
    fs.symlinkSync("..", path.join(root, "dir", "up"))
    fs.symlinkSync("../outside", path.join(root, "report-leaving"))
    const found = await find("/files/?q=report&json", made)
    assert.deepStrictEqual(
      found.entries.map(({ path }) => path),
      ["report-loop", "Report.txt", "dir/report-2.md", "dir/deep/REPORTS"],
    )
    assert.isFalse(found.cut_short)
  })

  it("does not follow links even if the policy allows links outside", async () => {
    const made = await servedFolder({ "a/b.txt": "" }, { symlinks: "follow" })
    fs.mkdirSync(path.join(made.base, "outside"))
    fs.writeFileSync(path.join(made.base, "outside", "b.txt"), "")
    fs.symlinkSync("../outside", path.join(made.root, "link"))
    const found = await find("/files/?q=b.txt&json", made)
    assert.deepStrictEqual(
      found.entries.map(({ path }) => path),
      ["a/b.txt"],
    )
  })

  it("stops at its limits and reports that it was cut short", async () => {
    const { base, root } = await servedFolder(
      Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`d${i % 3}/f${i}`, ""])),
    )
    const served = Root.make(root, root, "handle", HiddenFiles.make([]))
    const run = (text: string, limits: Search.Limits, isCancelled = () => false) =>
      new Promise<Search.Result>((resolve, reject) => {
        served.open([], (start) => {
          if (start._tag !== "Folder") return reject(new Error(start._tag))
          const hidden = HiddenFiles.make([])
          const done = (result: Search.Result | Root.NotOpen): void =>
            "_tag" in result ? reject(new Error(result.detail)) : resolve(result)
          Search.search({ root: served, hidden, text, isCancelled, limits }, start, done)
        })
      })
    const all = await run("f", { hits: 60, entries: 63 })
    assert.deepStrictEqual([all.hits.length, all.namesSearched, all.isCutShort], [60, 63, false])
    const few = await run("f", { hits: 7, entries: 1000 })
    assert.deepStrictEqual([few.hits.length, few.isCutShort], [7, true])
    const short = await run("f", { hits: 1000, entries: 30 })
    assert.deepStrictEqual(
      [short.hits.length, short.namesSearched, short.isCutShort],
      [27, 30, true],
    )
    let asked = 0
    const gone = await run("f", { hits: 1000, entries: 1000 }, () => ++asked > 3)
    assert.isBelow(gone.hits.length, 60)
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("stops when the visitor leaves", async () => {
    const { base, handler } = await servedFolder(
      Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`d${i}/f`, ""])),
    )
    const cancel = handler(
      { method: "GET", target: "/files/?q=f&json", headers: [] },
      { length: 0, whole: undefined, read: () => assert.fail("unread"), discard: () => {} },
      { respond: () => assert.fail("it was cancelled"), fail: () => assert.fail("never") },
    )
    await fs.promises.stat(base)
    cancel()
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("also gives a page and a plain list, and escapes everything", async () => {
    const made = await site()
    made.write("<img src=x onerror=alert(1)>report", "")
    const page = await made.get("/files/?q=%3Cscript%3Ealert(1)%3C/script%3E%22'")
    assert.strictEqual(page.header("content-type"), "text/html; charset=utf-8")
    assert.notInclude(page.text, "<script>alert")
    const hits = await made.get("/files/?q=report")
    assert.notInclude(hits.text, "<img src=x")
    const plain = await made.get("/files/?q=report&plain")
    assert.strictEqual(
      plain.text,
      "<img src=x onerror=alert(1)>report\nReport.txt\ndir/report-2.md\ndir/deep/REPORTS/\n",
    )
  })

  const Piece = Schema.Literals([
    "q",
    "json",
    "plain",
    "download",
    "=",
    "&",
    "%",
    "..",
    "%2e",
    "%2f",
    "%00",
    "/",
    "\\",
    "outside",
    "secret",
    "?",
    "+",
    "<",
    "\xff",
    "*",
  ])
  it.effect.prop(
    "and all other query parameters reach nothing outside",
    [
      Schema.Literals(["/files/", "/files/dir/", "/api/v1/dir/", "/files/a.txt", "/metrics", "/"]),
      Schema.Array(Piece).check(Schema.isMaxLength(20)),
    ],
    ([target, pieces]) =>
      Effect.promise(async () => {
        const { base, get, root } = await servedFolder({ "a.txt": "a", "dir/b.txt": "b" })
        fs.mkdirSync(path.join(base, "outside"))
        fs.writeFileSync(path.join(base, "outside", "secret.txt"), "SECRET")
        fs.symlinkSync("../outside", path.join(root, "dir", "link"))
        const query = pieces.join("")
        const answer = await get(`${target}?${query}`)
        assert.include([200, 308, 400, 404], answer.status)
        assert.notInclude(answer.text, "SECRET")
        assert.notInclude(answer.text, "secret.txt")
        fs.rmSync(base, { recursive: true })
      }),
    { arbitrary: { runs: 100 } },
  )
})

describe("a search in texts", () => {
  it("gives the first line that has the text, of text files only", async () => {
    const { get, base } = await servedFolder({
      "a.txt": `${"filler\n".repeat(20_000)}Here is the NEEDLE, found.\nneedle\n`,
      "needle.md": "",
      "sub/b.ts": "const x = 1\nconst Needle = 2\n",
      "c.bin": "needle",
      "d.txt": Buffer.from("needle\0"),
      ".hidden.txt": "needle",
    })
    const answer = await get("/files/?q=needle&in=text&json")
    const { entries } = JSON.parse(answer.text) as {
      readonly entries: ReadonlyArray<{
        readonly path: string
        readonly match?: { readonly line: number; readonly excerpt: string }
      }>
    }
    assert.deepStrictEqual(
      entries.map(({ match, path }) => [path, match?.line]),
      [
        ["needle.md", undefined],
        ["a.txt", 20_001],
        ["sub/b.ts", 2],
      ],
    )
    assert.strictEqual(entries[1]?.match?.excerpt, "Here is the NEEDLE, found.")
    const { text } = await get("/files/?q=needle&in=text", [["Accept", "text/html"]])
    assert.include(text, 'href="./a.txt?view#L20001"')
    assert.include(text, "the <mark>NEEDLE</mark>, found")
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("reads files in the encodings that pages show", async () => {
    const { get } = await servedFolder({
      "latin.txt": Buffer.from("caf\xe9 au lait\n", "latin1"),
      "utf16.txt": Buffer.from("\ufefftasse de caf\xe9\n", "utf16le"),
      "utf8.txt": "un café",
      "binary.txt": Buffer.from("caf\xe9\0", "latin1"),
    })
    const answer = await get("/files/?q=CAF%C3%89&in=text&plain")
    assert.strictEqual(answer.text, "latin.txt\nutf8.txt\nutf16.txt\n")
  })

  it("finds what lies across two pieces of a long line", async () => {
    const long = (before: number): string => `${"x".repeat(before)}needle${"y".repeat(70_000)}`
    const { get } = await servedFolder({ "a.js": long(65_533), "b.js": long(131_067), "c.js": "x" })
    const answer = await get("/files/?q=needle&in=text&plain")
    assert.strictEqual(answer.text, "a.js\nb.js\n")
  })

  it("is sent while it runs", async () => {
    const { get, handler } = await servedFolder({ "a.txt": "needle", "b.txt": "needle" })
    const target = "/files/?q=needle&in=text&json"
    const { body, head } = await openHandler(handler, { target })
    assert.isUndefined(body.length)
    assert.isUndefined(Headers.first(head.headers, "content-length"))
    const chunks: Array<string> = []
    await new Promise<void>((resolve, reject) => {
      body.read({
        data: (chunk) => chunks.push(Buffer.from(chunk).toString()) > 0,
        end: () => resolve(),
        fail: reject,
      })
    })
    assert.deepStrictEqual(
      chunks.map((chunk) => ["a.txt", "b.txt", "looked_at"].filter((each) => chunk.includes(each))),
      [[], ["a.txt"], ["b.txt"], ["looked_at"]],
    )
    assert.strictEqual(chunks.join(""), (await get(target)).text)
    const asked = await callHandler(handler, { target, method: "HEAD" })
    assert.deepStrictEqual([asked.status, asked.text, asked.headers], [200, "", head.headers])
  })

  it("ends when its visitor leaves", async () => {
    const { base, get, handler } = await servedFolder({
      "a.txt": "needle",
      "b.txt": "-\n".repeat(1_000_000),
      "c.txt": "needle",
    })
    const opened = await openHandler(handler, { target: "/files/?q=needle&in=text&plain" })
    const chunks = await leaveAfterFirst(opened)
    assert.deepStrictEqual(await untilClosed(base), [])
    const next = await get("/files/?q=needle&in=text&plain")
    assert.strictEqual(next.text, "a.txt\nc.txt\n")
    assert.deepStrictEqual(chunks, ["a.txt\n"])
  })

  it("stops when a page of results is full", async () => {
    const { get } = await servedFolder(
      Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`${i}.txt`, "needle"])),
    )
    const page = async (target: string) => {
      const { text } = await get(`/files/?q=needle&in=text${target}`, [["Accept", "text/html"]])
      return {
        rows: text.split("<tr data-name").length - 1,
        summary: />([^<]*)<\/p>\n*$/m.exec(text.slice(text.indexOf('id="page.summary"')))?.[1],
        next: text.includes('rel="next nofollow" href="./?q=needle&amp;in=text&amp;page=2"'),
        isWhole: text.endsWith("</html>\n"),
      }
    }
    assert.deepStrictEqual(await page(""), {
      rows: 100,
      summary: "More than 100 entries contain this text.",
      next: true,
      isWhole: true,
    })
    assert.deepStrictEqual(await page("&page=2"), {
      rows: 50,
      summary: "150 entries contain this text.",
      next: false,
      isWhole: true,
    })
    assert.strictEqual((await page("&page=3")).rows, 0)
  })

  it("does not call what it stopped at the number of all results", async () => {
    const { get } = await servedFolder(
      Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`needle ${i}.txt`, ""])),
    )
    const { text } = await get("/files/?q=needle", [["Accept", "text/html"]])
    assert.include(text, "At least 1,000 entries contain this text.")
    assert.notInclude(text, ">1,000 names contain this text.")
  })

  it("finds only the kind that is asked for, and splits many results into pages", async () => {
    const { get } = await servedFolder({
      ...Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`x${i}.png`, ""])),
      "x.txt": "",
      "xx/y": "",
    })
    const names = (text: string): number => text.split("<tr data-name").length - 1
    const page = [["Accept", "text/html"]] as const
    const first = await get("/files/?q=x&kind=image", page)
    assert.strictEqual(names(first.text), 100)
    assert.include(first.text, 'href="./?q=x&amp;kind=image&amp;page=2"')
    assert.strictEqual(names((await get("/files/?q=x&kind=image&page=2", page)).text), 50)
    assert.strictEqual(names((await get("/files/?q=x&kind=folder", page)).text), 1)
    assert.strictEqual(names((await get("/files/?filter=x&below", page)).text), 100)
  })
})

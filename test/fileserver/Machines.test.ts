import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Disposition from "../../src/fileserver/http/Disposition.ts"
import * as Search from "../../src/fileserver/listing/Search.ts"
import * as HiddenFiles from "../../src/fileserver/root/HiddenFiles.ts"
import * as Root from "../../src/fileserver/root/Root.ts"
import { contentType } from "../../src/transport/observe/Prometheus.ts"
import { openHandler } from "../support/callHandler.ts"
import { bytesOf, servedFolder } from "../support/servedFolder.ts"
import { untilClosed } from "../support/temporaryFolder.ts"

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

describe("a plain list", () => {
  const site = () =>
    servedFolder({ "b10.txt": "", "b9.txt": "", "dir/x": "", "new\nline\x1b[31m": "", é: "" })
  const expected = "dir/\nb9.txt\nb10.txt\né\nnew␊line␛[31m\n"

  it.each([
    ["/files/?plain", undefined],
    ["/files/?plain", "text/html"],
    ["/files/", "text/plain"],
    ["/files/", "text/plain, */*;q=0.1"],
    ["/files/", "text/html;q=0.5, text/plain"],
  ])("%s with Accept: %s has one name a line, folders with a slash", async (target, accept) => {
    const { get } = await site()
    const answer = await get(target, accept === undefined ? [] : [["Accept", accept]])
    assert.strictEqual(answer.status, 200)
    assert.strictEqual(answer.header("content-type"), "text/plain; charset=utf-8")
    assert.strictEqual(answer.header("vary"), "Accept")
    assert.sameMembers(answer.text.split("\n"), expected.split("\n"))
    assert.isTrue(answer.text.startsWith("dir/\n"))
  })

  it.each([undefined, "*/*", "text/html, text/plain", "text/html"])(
    "is not what Accept: %s gets",
    async (accept) => {
      const { get } = await site()
      const answer = await get("/files/", accept === undefined ? [] : [["Accept", accept]])
      assert.strictEqual(answer.header("content-type"), "text/html; charset=utf-8")
    },
  )

  it("is empty for an empty folder", async () => {
    const { get } = await servedFolder({})
    assert.strictEqual((await get("/files/?plain")).text, "")
  })
})

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

  it("finds names at any depth, capitals aside, those near first", async () => {
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

  it("for nothing is the folder itself", async () => {
    const { get } = await site()
    for (const query of ["q", "q="]) {
      assert.strictEqual(
        (await get(`/files/?${query}&json`)).text,
        (await get("/files/?json")).text,
      )
    }
  })

  it("finds links but never follows them, out or round", async () => {
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

  it("does not follow links out even where they may be followed", async () => {
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

  it("stops at its limits and says so", async () => {
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
          Search.search(served, hidden, start, text, isCancelled, done, limits)
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

  it("is a page and a plain list, too, and shows nothing unescaped", async () => {
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
    "and every other question behind an address reach nothing outside",
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

describe("a download", () => {
  it.each([
    ["a.txt", 'attachment; filename="a.txt"'],
    ["a b (1).txt", 'attachment; filename="a b (1).txt"'],
    ['a"b.txt', "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%22b.txt"],
    ["a\\b.txt", "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%5Cb.txt"],
    ["100%41.txt", "attachment; filename=\"100_41.txt\"; filename*=UTF-8''100%2541.txt"],
    ["été.txt", "attachment; filename=\"_t_.txt\"; filename*=UTF-8''%C3%A9t%C3%A9.txt"],
    ["😀.txt", "attachment; filename=\"_.txt\"; filename*=UTF-8''%F0%9F%98%80.txt"],
    [
      "a\r\nX-Evil: 1",
      "attachment; filename=\"a__X-Evil_ 1\"; filename*=UTF-8''a%0D%0AX-Evil%3A%201",
    ],
  ])("of %j is named by %s", async (name, expected) => {
    const { get, write } = await servedFolder({})
    write(name, "x")
    const answer = await get(`/files/${encodeURIComponent(name)}?download`)
    assert.strictEqual(answer.status, 200)
    assert.strictEqual(answer.header("content-disposition"), expected)
  })

  it("of a name that is no text has a name that is", () => {
    assert.strictEqual(Disposition.attachment("\xff\xfe.x"), 'attachment; filename="__.x"')
  })

  it.prop(
    "of any name is one line of plain characters, with quotes only where they belong",
    [Schema.String],
    ([name]) => {
      const bytes = Buffer.from(name.toWellFormed()).toString("latin1")
      assert.match(
        Disposition.attachment(bytes),
        /^attachment; filename="[^"\\\x00-\x1f\x7f-\uffff]*"(?:; filename\*=UTF-8''[\w.~%-]*)?$/,
      )
    },
    { arbitrary: { runs: 300 } },
  )

  it("says its name in 206 and of a kept file, and not in 304", async () => {
    const { get } = await servedFolder({ "a.txt": "hello" })
    const full = await get("/files/a.txt?download")
    const tag = full.header("etag") as string
    for (let repetition = 0; repetition < 2; repetition++) {
      const part = await get("/files/a.txt?download=1", [["Range", "bytes=0-1"]])
      assert.strictEqual(part.status, 206)
      assert.isDefined(part.header("content-disposition"))
    }
    const same = await get("/files/a.txt?download", [["If-None-Match", tag]])
    assert.strictEqual(same.status, 304)
    assert.isUndefined(same.header("content-disposition"))
    assert.isUndefined((await get("/files/a.txt")).header("content-disposition"))
    assert.isUndefined((await get("/files/a.txt?downloads")).header("content-disposition"))
  })
})

describe("the metrics", () => {
  it("count requests and bytes, and tell the start and the memory", async () => {
    const { get, head } = await servedFolder({ "a.txt": "hello", "big.bin": bytesOf(300_000) })
    await get("/files/a.txt")
    await head("/files/a.txt")
    await get("/files/big.bin", [["Range", "bytes=0-99999"]])
    const absent = await get("/files/absent")
    await get("/files")
    const answer = await get("/metrics")
    assert.strictEqual(answer.header("content-type"), contentType)
    const value = (name: string): number =>
      Number(new RegExp(`^${name.replace(/[{}]/g, "\\$&")} (\\S+)$`, "m").exec(answer.text)?.[1])
    assert.strictEqual(value('ptth_fileserver_requests_total{status="2xx"}'), 3)
    assert.strictEqual(value('ptth_fileserver_requests_total{status="3xx"}'), 1)
    assert.strictEqual(value('ptth_fileserver_requests_total{status="4xx"}'), 1)
    assert.strictEqual(value("ptth_fileserver_sent_bytes_total"), 5 + 100_000 + absent.body.length)
    assert.strictEqual(value("ptth_fileserver_active_requests"), 1)
    assert.isAtMost(value("process_start_time_seconds"), Date.now() / 1000)
    assert.isAbove(value("process_resident_memory_bytes"), 1_000_000)
    for (const line of answer.text.trimEnd().split("\n")) {
      assert.match(line, /^(?:# (?:HELP|TYPE) \w+ .+|\w+(?:\{\w+="[^"]*"\})? [\d.e+-]+)$/)
    }
  })

  it("know of what is being sent and forget it when the visitor leaves", async () => {
    const { get, handler } = await servedFolder({ "big.bin": bytesOf(300_000) })
    const active = async (): Promise<string | undefined> =>
      /^ptth_fileserver_active_requests (\d+)$/m.exec((await get("/metrics")).text)?.[1]
    const first = await openHandler(handler, { target: "/files/big.bin" })
    const second = await openHandler(handler, { target: "/files/big.bin" })
    assert.strictEqual(await active(), "3")
    first.body.discard()
    second.cancel()
    second.cancel()
    assert.strictEqual(await active(), "1")
  })

  it("are on the page at the top", async () => {
    const { get } = await servedFolder({ "a.txt": "hello" })
    await get("/files/a.txt")
    const page = await get("/")
    assert.include(page.text, "<dt>Requests</dt><dd>1</dd>")
    assert.include(page.text, "<dt>Sent</dt><dd>5 B</dd>")
    assert.match(page.text, /<dt>Running since<\/dt><dd><time datetime="20\d\d-/)
    assert.match(page.text, /<dt>Memory<\/dt><dd>\d+ MB<\/dd>/)
  })
})

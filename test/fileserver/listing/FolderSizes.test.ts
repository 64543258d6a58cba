/**
 * The sizes of the folders in a folder: what counts, the forms of the response,
 * and that counting ends with its limits and its visitor.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Headers from "../../../src/domain/HeaderList.ts"
import * as Query from "../../../src/fileserver/http/Query.ts"
import * as FolderSizes from "../../../src/fileserver/listing/FolderSizes.ts"
import { fromText } from "../../../src/fileserver/names/ByteName.ts"
import * as SizesPage from "../../../src/fileserver/pages/SizesPage.ts"
import * as HiddenFiles from "../../../src/fileserver/root/HiddenFiles.ts"
import * as Root from "../../../src/fileserver/root/Root.ts"
import { callHandler, leaveAfterFirst, openHandler } from "../../support/callHandler.ts"
import { servedFolder } from "../../support/servedFolder.ts"
import { untilClosed } from "../../support/temporaryFolder.ts"

const site = () =>
  servedFolder({
    "a10/one.txt": "1",
    "a9/deep/two.txt": "22",
    "a9/deep/deeper/three.txt": "333",
    "a9/.hidden": "not counted",
    "four.txt": "4444",
  })

const measure = async (root: string, limits: Partial<FolderSizes.Limits>) => {
  const hidden = HiddenFiles.make([])
  const shared = Root.make(root, fromText(root), "handle", hidden)
  const folder = await Root.openFolder(shared, [])
  if (folder._tag !== "Folder") throw new Error(folder.detail)
  const measured: Array<readonly [name: string, FolderSizes.FolderSize]> = []
  const options: FolderSizes.SizesOptions = {
    root: shared,
    hidden,
    limits: { ...FolderSizes.limits, ...limits },
    isCancelled: () => false,
    onStart: () => {},
    onFolder: ({ entry, size }) => measured.push([entry.name, size]),
  }
  const total = await FolderSizes.measure(options, folder)
  return { measured, total }
}

describe("the sizes of folders", () => {
  it("count what is served, all levels down", async () => {
    const { base, get } = await site()
    const answer = await get("/files/?sizes&json")
    const { entries, ...total } = JSON.parse(answer.text) as {
      readonly entries: ReadonlyArray<Record<string, unknown>>
    }
    assert.deepStrictEqual(
      entries.map(({ mtime, type, ...entry }) => entry),
      [
        { name: "a9", size: 5, is_dir: true, files: 2, folders: 2, cut_short: false },
        { name: "a10", size: 1, is_dir: true, files: 1, folders: 0, cut_short: false },
      ],
    )
    assert.deepStrictEqual(total as unknown, { size: 10, files: 4, folders: 4, cut_short: false })
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("count nothing by a link", async () => {
    const { get, root } = await site()
    fs.symlinkSync("../a9", path.join(root, "a10", "link"))
    fs.symlinkSync("../four.txt", path.join(root, "a10", "link.txt"))
    fs.symlinkSync("a9", path.join(root, "linked"))
    const { text } = await get("/files/?sizes&plain")
    assert.strictEqual(text, "5\t2\ta9/\n1\t1\ta10/\n10\t4\t./\n")
  })

  it("are a page whose names lead on", async () => {
    const { get } = await site()
    const { text } = await get("/files/a9/?sizes", [["Accept", "text/html"]])
    assert.include(text, '<a class="folder" href="deep/?sizes" rel="nofollow">')
    assert.include(text, '<td class="number" title="5 bytes">5 B</td><td class="time">2 files</td>')
    assert.include(text, "2 folders, 2 files, 5 B in all")
    assert.include(text, 'href="../?sizes"')
    assert.match(text, /<\/html>\n$/)
  })

  it("are a dash in a page where nothing was counted, and at least so much elsewhere", () => {
    const pieces = SizesPage.pieces({
      site: { title: "site", depth: 1 },
      segments: [],
      query: Query.none,
    })
    const cells = (bytes: number, files: number): ReadonlyArray<string> => {
      const size = { bytes, files, folders: 0, isCutShort: true }
      const entry = { name: fromText("a"), folder: true, size: 0, modified: 0 }
      const row = pieces.folder({ entry, size })
      return [...row.matchAll(/<td class="(?:number|time)"[^>]*>([^<]*)/g)].map(
        ([, cell]) => `${cell}`,
      )
    }
    assert.deepStrictEqual(cells(0, 0), ["–", "–"])
    assert.deepStrictEqual(cells(5, 2), ["≥ 5 B", "≥ 2 files"])
  })

  it("are a page without a table where there are no folders", async () => {
    const { get } = await site()
    const { text } = await get("/files/a10/?sizes", [["Accept", "text/html"]])
    assert.notInclude(text, "<table")
    assert.include(text, "0 folders, 1 file, 1 B in all")
  })

  it("are offered where there are folders", async () => {
    const { get } = await site()
    const offer = 'name="sizes"'
    assert.include((await get("/files/", [["Accept", "text/html"]])).text, offer)
    assert.notInclude((await get("/files/a10/", [["Accept", "text/html"]])).text, offer)
  })

  it("say what was not counted", async () => {
    const { root } = await site()
    const byNames = await measure(root, { names: 1 })
    assert.deepStrictEqual(byNames.measured, [
      ["a9", { bytes: 0, files: 0, folders: 1, isCutShort: true }],
      ["a10", { bytes: 0, files: 0, folders: 0, isCutShort: true }],
    ])
    assert.deepInclude(byNames.total, { bytes: 4, files: 1, isCutShort: true })
    const byTime = await measure(root, { millis: -1 })
    assert.deepInclude(byTime.total, { bytes: 4, files: 1, folders: 2, isCutShort: true })
    const byFolders = await measure(root, { listed: 1 })
    assert.deepStrictEqual(
      byFolders.measured.map(([name, { isCutShort }]) => [name, isCutShort]),
      [["a9", false]],
    )
    assert.deepInclude(byFolders.total, { isCutShort: true })
  })

  it("are sent while they are counted, and end when the visitor leaves", async () => {
    const { base, get, handler } = await site()
    const target = "/files/?sizes&plain"
    const opened = await openHandler(handler, { target })
    const { head } = opened
    assert.isUndefined(Headers.first(head.headers, "content-length"))
    const chunks = await leaveAfterFirst(opened)
    assert.deepStrictEqual(await untilClosed(base), [])
    assert.match((await get(target)).text, /^10\t4\t\.\/$/m)
    assert.deepStrictEqual(chunks, ["5\t2\ta9/\n"])
    const asked = await callHandler(handler, { target, method: "HEAD" })
    assert.deepStrictEqual([asked.status, asked.text, asked.headers], [200, "", head.headers])
  })

  it("do not exist for what is not a folder", async () => {
    const { get } = await site()
    assert.strictEqual((await get("/files/none/?sizes&json")).status, 404)
    assert.strictEqual((await get("/files/four.txt?sizes")).text, "4444")
  })
})

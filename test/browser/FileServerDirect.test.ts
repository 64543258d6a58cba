/**
 * The file server's pages in a real browser, without a relay: what goes wrong
 * with uploads, files that browsers cannot show, and accessibility.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { browsed, picture } from "../support/BrowsedFiles.ts"
import { fits, hasBrowser, isClean, launched } from "../support/Browser.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const browser = launched()

const skipped = hasBrowser ? "" : " (skipped: no browser)"

describe.skipIf(!hasBrowser)(`in a browser, the file server's pages alone${skipped}`, () => {
  const withPage = browsed(browser, "alone")

  it("show what arrived and say what did not: taken names, folders, files that are gone", () =>
    withPage({}, async (page, { root, url }) => {
      const own = temporaryFolder()
      fs.mkdirSync(path.join(own, "src", "deep"), { recursive: true })
      for (const name of ["src/in.txt", "src/deep/two.txt", "note 1.txt", "fresh.txt", "new.md"]) {
        fs.writeFileSync(path.join(own, name), "new")
      }
      await page.goto(url)
      const session = await page.context().newCDPSession(page)
      const files = ["src", "note 1.txt", "fresh.txt", "new.md"].map((name) => path.join(own, name))
      for (const type of ["dragEnter", "dragOver", "drop"] as const) {
        const data = { items: [], files, dragOperationsMask: 1 }
        await session.send("Input.dispatchDragEvent", { type, x: 300, y: 300, data })
      }
      await page.getByRole("link", { name: "fresh.txt", exact: true }).waitFor()
      await page.getByRole("link", { name: "new.md", exact: true }).waitFor()
      const list = await page.locator(".upload li").allInnerTexts()
      assert.match(list[0] as string, /^src .*folders cannot be uploaded/)
      assert.match(list[1] as string, /^note 1\.txt .*there already is a file of this name/)
      assert.deepStrictEqual(list.slice(2), ["fresh.txt done", "new.md done"])
      assert.strictEqual(fs.readFileSync(path.join(root, "note 1.txt"), "utf8"), "n".repeat(50))
      await page.evaluate(() => {
        const gone = new File(["x"], "gone.txt")
        gone.slice = () => ({ arrayBuffer: () => Promise.reject(new Error("gone")) }) as never
        const transfer = new DataTransfer()
        const event = new DragEvent("drop", { dataTransfer: transfer, cancelable: true })
        const item = { kind: "file", getAsFile: () => gone }
        Object.defineProperty(event, "dataTransfer", { value: { types: ["Files"], items: [item] } })
        dispatchEvent(event)
      })
      await page.getByText("the file cannot be read").waitFor()
    }))

  it("ask before a page that still uploads is left, and only then", () =>
    withPage({}, async (page, { url }) => {
      const asked: Array<string> = []
      page.on("dialog", (dialog) => {
        asked.push(dialog.type())
        void dialog.dismiss()
      })
      await page.goto(url)
      await page.locator("#page\\.summary").click()
      await page.getByRole("link", { name: "docs/" }).click()
      await page.waitForURL("**/docs/")
      assert.deepStrictEqual(asked, [])
      let letGo = (): void => {}
      const held = new Promise<void>((resolve) => {
        letGo = resolve
      })
      await page.route("**/slow.txt", async (route) => {
        await held
        await route.continue()
      })
      await page.locator("#page\\.summary").click()
      await page.setInputFiles("input[type=file]", [
        { name: "slow.txt", mimeType: "text/plain", buffer: Buffer.from("slow") },
      ])
      await page.getByText("waiting").or(page.getByText("%")).first().waitFor()
      const dialog = page.waitForEvent("dialog")
      await page.getByRole("link", { name: "Parent folder" }).click({ noWaitAfter: true })
      await dialog
      assert.deepStrictEqual(asked, ["beforeunload"])
      letGo()
      await page.getByRole("link", { name: "slow.txt", exact: true }).waitFor()
      await page.getByRole("link", { name: "Parent folder" }).click()
      await page.waitForURL("**/files/")
      assert.deepStrictEqual(asked, ["beforeunload"])
    }))

  it("say which pictures, films and sounds the browser cannot show", () =>
    withPage({}, async (page, { root, url }) => {
      for (const name of ["broken.jpg", "scan.tiff", "photo.heic", "film.mp4", "song.mp3"]) {
        fs.writeFileSync(path.join(root, "docs", name), "none")
      }
      fs.writeFileSync(path.join(root, "docs", "good.svg"), picture("red"))
      for (const [name, text] of [
        ["broken.jpg", "This browser cannot show this picture"],
        ["scan.tiff", "This browser cannot show this picture"],
        ["photo.heic", "This browser cannot show this picture"],
        ["film.mp4", "This browser cannot play this file"],
        ["song.mp3", "This browser cannot play this file"],
      ]) {
        await page.goto(`${url}docs/${name}?view`)
        await page.getByText(text as string).waitFor()
        assert.strictEqual(
          await page.locator("main .viewer :is(img, video, audio):visible").count(),
          0,
        )
      }
      await page.goto(`${url}docs/good.svg?view`)
      assert.isTrue(await page.locator("main .viewer img").isVisible())
      assert.isFalse(await page.getByText("This browser cannot").isVisible())
      await page.goto(`${url}docs/?grid`)
      const widths = await page.locator(".grid img").evaluateAll(async (images) =>
        Promise.all(
          (images as Array<HTMLImageElement>).map(async (image) => {
            await image.decode()
            return image.naturalWidth
          }),
        ),
      )
      // Three have the icon of their kind.
      assert.deepStrictEqual(widths.sort(), [160, 160, 160, 300])
    }))

  it("have a grid of even rows, whatever the names are", () =>
    withPage({}, async (page, { root, url }) => {
      const long = `l${"o".repeat(190)}ng.txt`
      fs.writeFileSync(path.join(root, long), "x")
      await page.goto(`${url}?grid`)
      const heights = await page
        .locator(".grid li")
        .evaluateAll((tiles) =>
          tiles.map((tile) => Math.round(tile.getBoundingClientRect().height)),
        )
      assert.lengthOf(new Set(heights), 1)
      await page.getByTitle(long).waitFor()
    }))

  it.each(["light", "dark"] as const)(
    "have no barrier that axe finds, and fit 320 px: %s",
    (colorScheme) =>
      withPage({ colorScheme, viewport: { width: 320, height: 640 } }, async (page, { url }) => {
        for (const target of [
          "",
          "docs/code.ts?view",
          "../status",
          "?grid",
          "?filter=nothing+at+all",
          "?choose",
          "README.md?view",
          "picture10.svg?view",
          "silence.wav?view",
          "?q=note",
          "docs/tasks.md?view",
        ]) {
          await page.goto(url + target)
          await page.evaluate(() => {
            for (const element of document.querySelectorAll("details:not([name])")) {
              element.setAttribute("open", "")
            }
          })
          await isClean(page)
          await fits(page)
        }
      }),
    120_000,
  )
})

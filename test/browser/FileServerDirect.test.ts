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

/** How many lines the toolbar has; runs in the browser. */
const linesOfTools = (): number =>
  new Set(
    [...document.querySelectorAll<HTMLElement>(".toolbar > :not([hidden])")]
      .filter((tool) => tool.offsetHeight > 0)
      .map((tool) => Math.round(tool.getBoundingClientRect().bottom / 8)),
  ).size

const browser = launched()

const skipped = hasBrowser ? "" : " (skipped: no browser)"

/** The titles of menus that are not inside the window when they are open; runs in the page. */
const menusOutside = (): ReadonlyArray<string> =>
  [...document.querySelectorAll<HTMLDetailsElement>("details.drop")].flatMap((menu) => {
    menu.open = true
    const box = menu.lastElementChild?.getBoundingClientRect()
    menu.open = false
    const isInside = box !== undefined && box.top >= 0 && box.bottom <= innerHeight + 1
    return isInside ? [] : [menu.firstElementChild?.getAttribute("title") ?? ""]
  })

/** Whether the tools of a file need more than one row; runs in the page. */
const toolsWrap = (): boolean => {
  const tools = [...document.querySelectorAll(".viewer-bar > *")]
    .map((tool) => tool.getBoundingClientRect())
    .filter(({ height }) => height > 0)
  return tools.some(({ top }) => tools.some(({ bottom }) => top >= bottom))
}

/** The blocks of code whose text begins below the button that copies it, of all; runs in the page. */
const clearOfCopy = (): ReadonlyArray<boolean> =>
  [...document.querySelectorAll(".copied")].map((frame) => {
    const text = document.createRange()
    text.selectNodeContents(frame.querySelector("code") as Element)
    const button = frame.querySelector("button")?.getBoundingClientRect()
    return button !== undefined && text.getBoundingClientRect().top >= button.bottom
  })

describe.skipIf(!hasBrowser)(`in a browser, the file server's pages alone${skipped}`, () => {
  const withPage = browsed(browser, "alone")

  it("upload folders, ask about taken names, and say which files are gone", () =>
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
      for (const name of ["fresh.txt", "new.md", "src/"])
        await page.getByRole("link", { name, exact: true }).waitFor()
      const row = (name: string) => page.locator("#page\\.uploads li").filter({ hasText: name })
      await row("src/deep/two.txt").getByText("done").waitFor()
      assert.strictEqual(fs.readFileSync(path.join(root, "src", "deep", "two.txt"), "utf8"), "new")
      assert.strictEqual(fs.readFileSync(path.join(root, "src", "in.txt"), "utf8"), "new")
      await row("note 1.txt").getByText("There already is a file of this name.").waitFor()
      await isClean(page)
      await row("note 1.txt").getByRole("button", { name: "Keep both" }).click()
      await page.getByRole("link", { name: "note 1 (2).txt", exact: true }).waitFor()
      assert.strictEqual(fs.readFileSync(path.join(root, "note 1.txt"), "utf8"), "n".repeat(50))
      assert.strictEqual(fs.readFileSync(path.join(root, "note 1 (2).txt"), "utf8"), "new")
      await page.evaluate(() => {
        const gone = new File(["x"], "gone.txt")
        gone.slice = () => ({ arrayBuffer: () => Promise.reject(new Error("gone")) }) as never
        const transfer = new DataTransfer()
        const event = new DragEvent("drop", { dataTransfer: transfer, cancelable: true })
        const item = { kind: "file", getAsFile: () => gone }
        Object.defineProperty(event, "dataTransfer", { value: { types: ["Files"], items: [item] } })
        dispatchEvent(event)
      })
      await row("gone.txt").getByText("the file cannot be read").waitFor()
    }))

  it("go on uploading in other folders, over connections that break, and ask before they are left", () =>
    withPage({}, async (page, { root, url }) => {
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
      let patches = 0
      await page.route("**/*tus=*", async (route) => {
        if (route.request().method() === "PATCH" && ++patches === 1) {
          await held
          await route.abort("connectionreset")
        } else await route.continue()
      })
      await page.setInputFiles("input[type=file]", [
        { name: "slow.txt", mimeType: "text/plain", buffer: Buffer.from("slow") },
      ])
      const row = page.locator("#page\\.uploads li").filter({ hasText: "slow.txt" })
      await row.getByRole("button", { name: "Pause slow.txt" }).waitFor()
      await page.getByRole("link", { name: "Parent folder" }).click()
      await page.waitForURL("**/files/")
      assert.deepStrictEqual(asked, [])
      const dialog = page.waitForEvent("dialog")
      await page.evaluate(() => location.reload())
      await dialog
      assert.deepStrictEqual(asked, ["beforeunload"])
      letGo()
      await row.getByText("done").waitFor()
      assert.isAbove(patches, 1)
      assert.strictEqual(fs.readFileSync(path.join(root, "docs", "slow.txt"), "utf8"), "slow")
      await page.getByRole("button", { name: "Close", exact: true }).click()
      await page.getByRole("link", { name: "docs/" }).click()
      await page.waitForURL("**/docs/")
      await page.getByRole("link", { name: "slow.txt", exact: true }).waitFor()
      assert.deepStrictEqual(asked, ["beforeunload"])

      const hold = (): void => {}
      const choose = (name: string) =>
        page.setInputFiles("input[type=file]", [
          { name, mimeType: "text/plain", buffer: Buffer.from(name) },
        ])
      await page.route("**/*tus=*", hold)
      await choose("stuck.txt")
      await page.getByRole("button", { name: "Pause stuck.txt" }).waitFor()
      await page.getByRole("button", { name: "Pause all" }).click()
      await page.getByRole("button", { name: "Cancel all" }).click()
      await page.unroute("**/*tus=*", hold)
      await choose("next.txt")
      await page.locator("#page\\.uploads li").getByText("done").waitFor()
    }))

  it("say that the disk is full, go on when there is room, and else leave nothing there", () =>
    withPage({}, async (page, { root, url }) => {
      await page.goto(`${url}docs/`)
      let isFull = true
      const methods: Array<string> = []
      await page.route("**/*tus=*", async (route) => {
        const method = route.request().method()
        methods.push(method)
        if (method !== "PATCH" || !isFull) return route.continue()
        const detail = "There is no room for the rest of the file."
        await route.fulfill({ status: 507, json: { detail } })
      })
      const row = page.locator("#page\\.uploads li")
      const choose = (name: string) =>
        page.setInputFiles("input[type=file]", [
          { name, mimeType: "text/plain", buffer: Buffer.from(name) },
        ])
      await choose("a.txt")
      await row.getByText("There is no room for the rest").waitFor()
      assert.deepStrictEqual(methods, ["PATCH"])
      isFull = false
      await row.getByRole("button", { name: "Try a.txt again" }).click()
      await row.getByText("done").waitFor()
      assert.deepStrictEqual(methods, ["PATCH", "HEAD", "PATCH"])
      assert.strictEqual(fs.readFileSync(path.join(root, "docs", "a.txt"), "utf8"), "a.txt")
      isFull = true
      await choose("b.txt")
      await row.getByText("There is no room for the rest").waitFor()
      const ended = page.waitForResponse((response) => response.request().method() === "DELETE")
      await page.getByRole("button", { name: "Remove b.txt from the list" }).click()
      assert.strictEqual((await ended).status(), 204)
      assert.deepStrictEqual(
        fs.readdirSync(path.join(root, "docs")).filter((name) => name.startsWith(".ptth-")),
        [],
      )
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
      const widths = await page
        .locator(
          ".grid li:is([data-name='broken.jpg'], [data-name='scan.tiff'], [data-name='photo.heic'], [data-name='good.svg']) img",
        )
        .evaluateAll(async (images) =>
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

  it("have no barrier that axe finds, light and dark, and fit 320 px", () =>
    withPage(
      { colorScheme: "light", viewport: { width: 320, height: 640 } },
      async (page, { root, url }) => {
        const code = `a\n\n\`\`\`sh\ncurl ${"x".repeat(200)}\n\`\`\`\n\n\`\`\`sh\nls\n\`\`\`\n`
        fs.writeFileSync(path.join(root, "long.md"), code)
        await page.goto(`${url}long.md?view`)
        await page.locator(".copied.long").waitFor()
        assert.deepStrictEqual(await page.evaluate(clearOfCopy), [true, false])
        for (const target of [
          "",
          "docs/code.ts?view",
          "../status",
          "?grid",
          "?filter=nothing+at+all",
          "?choose",
          "?share",
          "docs/code.ts?share",
          "README.md?view",
          "picture10.svg?view",
          "silence.wav?view",
          "?q=note",
          "?sizes",
          "docs/tasks.md?view",
        ]) {
          await page.emulateMedia({ colorScheme: "light" })
          await page.goto(url + target)
          assert.deepStrictEqual(await page.evaluate(menusOutside), [], target)
          await page.evaluate(() => {
            for (const element of document.querySelectorAll("details:not([name])")) {
              element.setAttribute("open", "")
            }
          })
          await isClean(page)
          await fits(page)
          if (target === "docs/code.ts?view") assert.isFalse(await page.evaluate(toolsWrap))
          // Only colours differ.
          await page.emulateMedia({ colorScheme: "dark" })
          await isClean(page, { runOnly: { type: "rule", values: ["color-contrast"] } })
        }
      },
    ))
})

describe.skipIf(!hasBrowser)(`in a browser, a folder that may be changed${skipped}`, () => {
  const withPage = browsed(browser, "alone", { manage: {} })

  it("has its tools in one line, and on a phone size and time below each name", () =>
    withPage({ viewport: { width: 320, height: 640 } }, async (page, { root, url }) => {
      fs.writeFileSync(path.join(root, "music", "a name of some length.csv"), "1")
      fs.copyFileSync(path.join(root, "silence.wav"), path.join(root, "music", "silence.wav"))
      for (const width of [320, 360, 640, 768, 1024]) {
        await page.setViewportSize({ width, height: 640 })
        await page.goto(`${url}music/`)
        await page.locator(".toolbar [data-do=play]").waitFor()
        assert.strictEqual(await page.evaluate(linesOfTools), width > 640 ? 1 : 2, `${width} px`)
        await fits(page)
        const row = page.locator('tr[data-name="a name of some length.csv"]')
        const [name, size, time] = await Promise.all(
          ["td:nth-child(2) > a", ".number", ".time"].map((part) =>
            row.locator(part).boundingBox(),
          ),
        )
        if (!name || !size || !time) assert.fail("A part of the row is not shown.")
        if (width <= 640) {
          assert.isBelow(name.y + name.height, size.y + 1)
          assert.isBelow(Math.abs(size.y - time.y), 2)
          assert.isAbove(name.width, width / 2 - 20)
        } else assert.isBelow(name.x + name.width, size.x + 1)
      }
    }))

  it("uses a wide window for its grid, unless the tree is beside it", () =>
    withPage({ viewport: { width: 1920, height: 1080 } }, async (page, { url }) => {
      await page.goto(`${url}?grid`)
      const widthOf = async (selector: string): Promise<number> =>
        (await page.locator(selector).boundingBox())?.width ?? 0
      assert.isAbove(await widthOf(".grid"), 1700)
      assert.isBelow(await widthOf(".toolbar"), 1300)
      await fits(page)
      await page.keyboard.press("t")
      await page.locator("#page\\.tree").waitFor()
      assert.isBelow(await widthOf(".grid"), 1300)
      await fits(page)
    }))

  it("keeps the longest time in its column", () =>
    withPage(
      { viewport: { width: 1280, height: 720 }, locale: "en-US", timezoneId: "UTC" },
      async (page, { root, url }) => {
        const file = path.join(root, "note 1.txt")
        const late = new Date("2022-09-27T22:53:00Z")
        fs.utimesSync(file, late, late)
        await page.goto(url)
        const cell = page.locator('tr[data-name="note 1.txt"] .time')
        await cell.getByText("PM").waitFor()
        const [text, room] = await cell.evaluate((element) => {
          const range = document.createRange()
          range.selectNodeContents(element)
          return [range.getBoundingClientRect().width, element.clientWidth - 16]
        })
        assert.isAtMost(text as number, room as number)
      },
    ))

  it("has entries that are chosen, dragged onto folders, and have a menu, and a tree", () =>
    withPage({ viewport: { width: 1280, height: 720 } }, async (page, { root, url }) => {
      await page.goto(url)
      const row = (name: string) => page.locator(`tr[data-name="${name}"]`)
      const chosen = page.locator("#page\\.chosen p")
      await row("note 2.txt")
        .locator(".time")
        .click({ modifiers: ["Control"] })
      await row("note 4.txt")
        .locator(".time")
        .click({ modifiers: ["Shift"] })
      await chosen.getByText("3 chosen").waitFor()
      await row("note 3.txt").getByRole("link").first().click()
      await chosen.getByText("2 chosen").waitFor()
      await row("note 2.txt")
        .getByRole("link")
        .first()
        .dragTo(row("music").getByRole("link").first())
      await page.getByText("2 entries moved to /music/.").waitFor()
      assert.deepStrictEqual(fs.readdirSync(path.join(root, "music")), ["note 2.txt", "note 4.txt"])
      await page.getByRole("button", { name: "Undo" }).click()
      await row("note 4.txt").waitFor()
      await page.keyboard.press("Escape")
      await page.locator("#page\\.chosen").waitFor({ state: "hidden" })
      await row("note 5.txt").locator(".time").click({ button: "right" })
      await isClean(page)
      await page.getByRole("menuitem", { name: "Delete" }).click()
      await page.getByText("Deleted.").waitFor()
      assert.isFalse(fs.existsSync(path.join(root, "note 5.txt")))
      await page.keyboard.press("t")
      const item = (name: string) => page.getByRole("treeitem", { name, exact: true })
      await item("music").waitFor()
      await page.keyboard.press("ArrowDown")
      await page.keyboard.press("Enter")
      await page.waitForURL("**/docs/")
      await page.locator("#page\\.tree [aria-current]", { hasText: "docs" }).waitFor()
      await isClean(page)
    }))
})

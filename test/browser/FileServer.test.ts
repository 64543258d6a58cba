/**
 * The file server's pages in a real browser, directly and through a relay,
 * where they are the same below the same prefix.
 */
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import { inflateRawSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import type { Page, Response } from "playwright-core"
import { browsed, prefix } from "../support/BrowsedFiles.ts"
import { executablePath, hasBrowser, launched } from "../support/Browser.ts"
import * as Video from "../support/Video.ts"

const namesOf = (page: Page): Promise<ReadonlyArray<string>> =>
  page.locator("tbody tr[data-name]:visible td:nth-child(2) > a").allInnerTexts()

const downloadAll = async (page: Page): Promise<void> => {
  await page.locator("summary[title=Download]").click()
  await page.getByRole("button", { name: "Download all as .zip" }).click()
}

const countSizes = async (page: Page): Promise<void> => {
  await page.locator("summary[title=More]").click()
  await page.getByRole("button", { name: "Sizes of folders" }).click()
}

/** Drops a file on the page; runs in the browser. */
const dropFile = (text: string): void => {
  const transfer = new DataTransfer()
  transfer.items.add(new File([text], "dropped ü#?.txt"))
  document.body.dispatchEvent(
    new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }),
  )
}

/** Plays from the eighth second on; runs in the browser. */
const seekTo8 = async (element: Element): Promise<ReadonlyArray<number>> => {
  const audio = element as HTMLAudioElement
  if (audio.readyState < 1) {
    await new Promise((resolve) => audio.addEventListener("loadedmetadata", resolve))
  }
  const seeked = new Promise((resolve) => audio.addEventListener("seeked", resolve))
  audio.currentTime = 8
  await seeked
  return [audio.currentTime, audio.duration]
}

const browser = launched()

describe.skipIf(!hasBrowser)("in a browser, the file server's pages", () => {
  const withPage = browsed(browser, "alone")

  it("are browsed, sorted and filtered while one types", () =>
    withPage({}, async (page, { url }) => {
      await page.goto(url)
      const names = await namesOf(page)
      assert.deepStrictEqual(names.slice(0, 2), ["docs/", "music/"])
      assert.isBelow(names.indexOf("note 9.txt"), names.indexOf("note 10.txt"))
      await page.getByRole("link", { name: "Size" }).click()
      await page.getByRole("link", { name: "Size" }).click()
      assert.strictEqual((await namesOf(page))[2], "silence.wav")
      assert.strictEqual(await page.locator("th[aria-sort=descending]").innerText(), "Size ▼")
      await page.getByRole("searchbox", { name: "Filter or search" }).fill("PICTURE")
      await page.getByText("3 of 38 shown").waitFor()
      assert.strictEqual((await namesOf(page)).length, 3)
      await page.getByRole("searchbox", { name: "Filter or search" }).fill("")
      await page.getByRole("link", { name: "docs/" }).click()
      assert.include(page.url(), `${prefix}/files/docs/`)
      await page.getByRole("link", { name: "Parent folder" }).click()
      // The order stays, also for a folder that is opened without one.
      assert.isTrue(page.url().endsWith("/files/?sort=size&order=desc"))
      await page.goto(`${url}docs/`)
      await page.waitForURL("**/docs/?sort=size&order=desc")
      await page.getByRole("link", { name: "Parent folder" }).click()
      await page.getByRole("link", { name: "Name", exact: true }).click()
      await page.waitForURL("**/files/")
      await countSizes(page)
      await page.locator("tr[data-name=docs] .number[title='4 files']").waitFor()
      assert.isTrue(page.url().endsWith("/files/"))
    }))

  it("show the README, which runs nothing and loads nothing from elsewhere", () =>
    withPage({}, async (page, { url }) => {
      await page.goto(url)
      const text = page.getByRole("region", { name: "README" })
      assert.strictEqual(await text.getByRole("heading", { level: 1 }).innerText(), "Things")
      assert.include(await text.innerText(), "tracker")
      assert.strictEqual(await text.locator(".hljs-keyword").innerText(), "const")
      await text.getByRole("link", { name: "below" }).click()
      assert.isTrue(page.url().endsWith("#more"))
      await page.goto(`${url}README.md?as_markdown`)
      await page.getByRole("link", { name: "the other" }).waitFor()
      await page.goto(`${url}docs/long.md?view#%C3%BCber-uns`)
      await page.getByRole("heading", { name: "Über uns" }).waitFor()
      assert.isAbove(await page.evaluate(() => scrollY), 500)
      await page.goto(`${url}docs/code.ts?view`)
      assert.include(await page.locator("pre").innerText(), "// <one>")
    }))

  it("show pictures in a grid and one after the other", () =>
    withPage({}, async (page, { url }) => {
      await page.goto(`${url}?grid`)
      const shown = await page.locator("[data-name^=picture] img").evaluateAll(async (images) =>
        Promise.all(
          (images as Array<HTMLImageElement>).map(async (image) => {
            await image.decode()
            return image.naturalWidth
          }),
        ),
      )
      assert.deepStrictEqual(shown, [300, 300, 300])
      await page.getByRole("link", { name: "picture9.svg" }).click()
      await page.waitForURL("**/picture9.svg?view&grid")
      await page.getByText("1 / 3").first().waitFor()
      await page.keyboard.press("ArrowRight")
      await page.waitForURL("**/picture10.svg?view&grid")
      await page.getByRole("link", { name: "Next" }).click()
      await page.waitForURL("**/picture11.svg?view&grid")
      await page.keyboard.press("ArrowLeft")
      await page.waitForURL("**/picture10.svg?view&grid")
      await page.getByRole("link", { name: "Folder" }).click()
      await page.waitForURL("**/files/?grid")
    }))

  it("play sound from where one wants", () =>
    withPage({}, async (page, { ranges, url }) => {
      await page.goto(`${url}silence.wav?view`)
      const time = await page.locator("audio").evaluate(seekTo8)
      assert.deepStrictEqual(time, [8, 10])
      assert.isNotEmpty(ranges)
    }))

  it("play a film from where one wants, asking for that part of it", () =>
    withPage({}, async (page, { ranges, root, url }) => {
      const film = Video.make()
      fs.writeFileSync(path.join(root, "music", "film.webm"), film)
      const firstOf = (response: Response): number =>
        Number(/^bytes (\d+)-/.exec(response.headers()["content-range"] ?? "")?.[1])
      const far = page.waitForResponse((response) => firstOf(response) > film.length / 2)
      await page.goto(`${url}music/film.webm?view`)
      const shown = await page.locator("video").evaluate(async (element, time) => {
        const video = element as HTMLVideoElement
        if (video.readyState < 2) {
          await new Promise((resolve) => video.addEventListener("loadeddata", resolve))
        }
        const colorOf = () => {
          const canvas = document.createElement("canvas").getContext("2d")
          canvas?.drawImage(video, 0, 0)
          return canvas?.getImageData(8, 8, 1, 1).data[0]
        }
        const first = colorOf()
        const seeked = new Promise((resolve) => video.addEventListener("seeked", resolve))
        video.currentTime = time
        await seeked
        return { first, second: colorOf(), time: video.currentTime, duration: video.duration }
      }, Video.seconds - 2)
      assert.isBelow(shown.first as number, 32)
      assert.isAbove(shown.second as number, 224)
      assert.deepStrictEqual(
        [shown.time, shown.duration],
        [Video.seconds - 2, Video.seconds],
        ranges.join(" "),
      )
      assert.strictEqual((await far).status(), 206)
    }))

  it("give all of a folder as a zip whose bytes are those of the folder", () =>
    withPage({ acceptDownloads: true }, async (page, { root, url }) => {
      await page.goto(url)
      const [download] = await Promise.all([page.waitForEvent("download"), downloadAll(page)])
      assert.strictEqual(download.suggestedFilename(), "files.zip")
      const zip = fs.readFileSync(await download.path())
      const hash = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex")
      const at = zip.indexOf("files/silence.wav")
      const start = at + "files/silence.wav".length + zip.readUInt16LE(at - 2)
      const original = fs.readFileSync(path.join(root, "silence.wav"))
      assert.strictEqual(hash(inflateRawSync(zip.subarray(start))), hash(original))
      const response = await page.request.get(`${url}?archive=zip`)
      assert.strictEqual(hash(await response.body()), hash(zip))
    }))

  it("take files that are dropped on them, and none twice", () =>
    withPage({}, async (page, { root, url }) => {
      await page.goto(url)
      await page.evaluate(dropFile, "first")
      await page.getByRole("link", { name: "dropped ü#?.txt", exact: true }).waitFor()
      assert.strictEqual(fs.readFileSync(path.join(root, "dropped ü#?.txt"), "utf8"), "first")
      assert.deepStrictEqual(
        fs.readdirSync(root).filter((name) => name.startsWith(".")),
        [],
      )
    }))

  it("are used without script: browsed, sorted, filtered, downloaded, uploaded to", () =>
    withPage({ javaScriptEnabled: false }, async (page, { root, url }) => {
      await page.goto(url)
      await page.getByRole("link", { name: "Name" }).click()
      assert.include(page.url(), "order=desc")
      const box = page.getByRole("searchbox", { name: "Filter or search" })
      await box.fill("picture")
      await page.getByRole("button", { name: "Filter" }).click()
      assert.deepStrictEqual(await namesOf(page), [
        "picture11.svg",
        "picture10.svg",
        "picture9.svg",
      ])
      await page.getByRole("link", { name: "picture10.svg", exact: true }).click()
      await page.getByRole("link", { name: "Next" }).click()
      assert.isTrue(page.url().endsWith("picture9.svg?view&order=desc&filter=picture"))
      await page.goto(url)
      await page.locator("summary[title=More]").click()
      await page.getByText("QR code").click()
      assert.isTrue(
        await page.getByRole("img", { name: "QR code of this page's address" }).isVisible(),
      )
      assert.strictEqual(await page.locator(".qr code").innerText(), url)
      await page.locator("summary", { hasText: "Upload" }).click()
      await page.getByLabel("Choose files").setInputFiles([
        { name: "form one.txt", mimeType: "text/plain", buffer: Buffer.from("one") },
        { name: "form two.txt", mimeType: "text/plain", buffer: Buffer.alloc(700_000, "2") },
      ])
      await page.locator(".upload form button").click()
      await page.getByRole("link", { name: "form two.txt", exact: true }).waitFor()
      assert.strictEqual(fs.readFileSync(path.join(root, "form one.txt"), "utf8"), "one")
      assert.strictEqual(fs.statSync(path.join(root, "form two.txt")).size, 700_000)
      await countSizes(page)
      await page.getByRole("row", { name: "docs/" }).getByText("4 files").waitFor()
    }))

  it("play the sounds of a folder while one goes to other pages", () =>
    withPage({}, async (page, { root, url }) => {
      fs.copyFileSync(path.join(root, "silence.wav"), path.join(root, "music", "one #1.wav"))
      fs.copyFileSync(path.join(root, "silence.wav"), path.join(root, "music", "two.wav"))
      await page.goto(`${url}music/`)
      await page.getByRole("button", { name: "Play all" }).click()
      const player = page.getByRole("region", { name: "Player" })
      await player.getByText("1 / 2").waitFor()
      await page.locator("tr[data-name='one #1.wav'][aria-current=true]").waitFor()
      await page.evaluate(() => document.body.setAttribute("data-same", ""))
      await page.getByRole("link", { name: "Parent folder" }).click()
      await page.waitForURL("**/files/")
      await page.getByRole("link", { name: "docs/" }).click()
      await page.waitForURL("**/files/docs/")
      assert.strictEqual(await page.locator("body[data-same]").count(), 1)
      await player.getByRole("button", { name: "Next" }).click()
      await player.getByText("2 / 2").waitFor()
      await page.goBack()
      await page.locator("tr[data-name='README.md']").waitFor()
      await player.getByRole("button", { name: "Close" }).click()
      assert.strictEqual(await player.count(), 0)
    }))

  it("are light or dark as one wants, also on the next page, and show local times", () =>
    withPage({ timezoneId: "Asia/Tokyo", locale: "en-GB" }, async (page, { root, url }) => {
      fs.utimesSync(path.join(root, "README.md"), 1_000_000_000, 1_000_000_000)
      await page.goto(url)
      const time = page.locator("tr[data-name='README.md'] time")
      assert.match(await time.innerText(), /9 Sept? 2001.*10:46/)
      const ground = () => page.evaluate(() => getComputedStyle(document.body).color)
      const light = await ground()
      const button = page.getByRole("button", { name: "Theme" })
      await button.click()
      await button.click()
      await page.getByRole("button", { name: "Theme: dark" }).waitFor()
      const dark = await ground()
      assert.notStrictEqual(dark, light)
      await page.goto(`${url}docs/code.ts?view`)
      assert.strictEqual(await ground(), dark)
    }))

  it("are used by keyboard alone", () =>
    withPage({}, async (page, { url }) => {
      await page.goto(url)
      await page.locator("body").press("/")
      await page.keyboard.type("docs")
      await page.getByText("1 of 38 shown").waitFor()
      for (let i = 0; i < 20; i++) {
        await page.keyboard.press("Tab")
        const focused = await page.evaluate(() => document.activeElement?.textContent)
        if (focused === "docs/") break
      }
      await page.keyboard.press("Enter")
      await page.waitForURL("**/files/docs/")
      await page.keyboard.press("?")
      await page.getByRole("dialog").getByText("Parent folder").waitFor()
      await page.keyboard.press("Escape")
      await page.getByRole("dialog").waitFor({ state: "hidden" })
      await page.keyboard.press("ArrowDown")
      await page.keyboard.press("ArrowDown")
      await page.keyboard.press("Enter")
      await page.waitForURL("**/docs/long.md?view")
      await page.keyboard.press("Escape")
      await page.waitForURL("**/files/docs/")
      await page.keyboard.press("Backspace")
      await page.waitForURL("**/files/")
    }))
})

describe.skipIf(!hasBrowser).each(["through classic", "through stream"] as const)(
  "in a browser, the file server %s",
  (way) => {
    const withPage = browsed(browser, way)

    it("shows the same, plays from where one wants, packs and takes files", () =>
      withPage({ acceptDownloads: true }, async (page, { ranges, root, url }) => {
        await page.goto(url)
        assert.deepStrictEqual((await namesOf(page)).slice(0, 2), ["docs/", "music/"])
        await page.getByRole("searchbox", { name: "Filter or search" }).fill("PICTURE")
        await page.getByText("3 of 38 shown").waitFor()
        await page.getByRole("link", { name: "picture9.svg", exact: true }).click()
        await page.waitForURL("**/picture9.svg?view*")
        await page.keyboard.press("ArrowRight")
        await page.waitForURL("**/picture10.svg?view*")
        await page.goto(`${url}silence.wav?view`)
        await page.locator("audio").evaluate(seekTo8)
        assert.isNotEmpty(ranges)
        await page.goto(url)
        const [download] = await Promise.all([page.waitForEvent("download"), downloadAll(page)])
        assert.include(
          fs.readFileSync(await download.path()).toString("latin1"),
          "files/silence.wav",
        )
        await page.evaluate(dropFile, "first")
        await page.getByRole("link", { name: "dropped ü#?.txt", exact: true }).waitFor()
        assert.strictEqual(fs.readFileSync(path.join(root, "dropped ü#?.txt"), "utf8"), "first")
      }))
  },
)

if (!hasBrowser) {
  it.skip(`the file server's pages in a browser: there is none at ${executablePath}`, () => {})
}

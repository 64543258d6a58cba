import { createHash } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import { inflateRawSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { BrowserContextOptions, Page, Response } from "playwright-core"
import * as Headers from "../../src/domain/HeaderList.ts"
import * as FileServer from "../../src/fileserver/FileServer.ts"
import type { Handler } from "../../src/transport/body/Handler.ts"
import { serve } from "../../src/transport/front/NodeFront.ts"
import * as FailurePage from "../../src/web/FailurePage.ts"
import * as Browser from "../support/Browser.ts"
import { executablePath, fits, hasBrowser, isClean, launched } from "../support/Browser.ts"
import * as Harness from "../support/Harness.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"
import * as Video from "../support/Video.ts"

const prefix = "/servers/dev"

/** Ten seconds of silence. */
const silence = (): Buffer => {
  const rate = 8000
  const samples = Buffer.alloc(10 * rate, 128)
  const head = Buffer.alloc(44)
  head.write("RIFF", 0)
  head.writeUInt32LE(36 + samples.length, 4)
  head.write("WAVEfmt ", 8)
  head.writeUInt32LE(16, 16)
  head.writeUInt16LE(1, 20)
  head.writeUInt16LE(1, 22)
  head.writeUInt32LE(rate, 24)
  head.writeUInt32LE(rate, 28)
  head.writeUInt16LE(1, 32)
  head.writeUInt16LE(8, 34)
  head.write("data", 36)
  head.writeUInt32LE(samples.length, 40)
  return Buffer.concat([head, samples])
}

const picture = (color: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="300" height="200"><script>document.title="RUN"</script><rect width="300" height="200" fill="${color}"/></svg>`

const readme = `# Things

Read *this* and [the other](docs/other.md), or [below](#more).

<script>document.title = "RUN"</script>
<img src="https://example.com/track.png" alt="tracker" onerror="document.title='RUN'">

## More

\`\`\`js
const x = 1 // one
\`\`\`
`

const tasks = `---
title: Tasks
---
# Tasks

- [ ] one
- [x] two[^1]

| a | b |
| :-: | --: |
| 1 | 2 |

[^1]: A note.
`

const fill = (root: string): void => {
  fs.mkdirSync(path.join(root, "docs"))
  fs.mkdirSync(path.join(root, "music"))
  fs.writeFileSync(path.join(root, "README.md"), readme)
  fs.writeFileSync(path.join(root, "docs", "other.md"), "# The other\n")
  fs.writeFileSync(
    path.join(root, "docs", "long.md"),
    `${"text\n\n".repeat(200)}# Über uns\n${"text\n\n".repeat(200)}`,
  )
  fs.writeFileSync(path.join(root, "docs", "code.ts"), "export const x: number = 1 // <one>\n")
  fs.writeFileSync(path.join(root, "docs", "tasks.md"), tasks)
  for (const [i, color] of ["red", "green", "blue"].entries()) {
    fs.writeFileSync(path.join(root, `picture${i + 9}.svg`), picture(color))
  }
  fs.writeFileSync(path.join(root, "silence.wav"), silence())
  fs.writeFileSync(path.join(root, "<img src=x onerror=document.title='RUN'>.txt"), "odd")
  for (let i = 0; i < 30; i++)
    fs.writeFileSync(path.join(root, `note ${i}.txt`), "n".repeat(i * 50))
}

interface Site {
  readonly root: string
  readonly url: string
  /** Ranges that were asked for. */
  readonly ranges: Array<string>
}

/** How a visitor gets to the file server: directly below a prefix, or through a relay. */
const ways = ["alone", "through classic", "through stream"] as const
type Way = (typeof ways)[number]

const siteOf = Effect.fnUntraced(function* (way: Way) {
  const root = temporaryFolder()
  fill(root)
  const ranges: Array<string> = []
  const handler = yield* FileServer.make({ root, uploads: { overwrite: false } })
  const watched: Handler = (head, body, reply) => {
    const range = Headers.first(head.headers, "range")
    if (range !== undefined) ranges.push(range)
    return handler(head, body, reply)
  }
  const site = (url: string): Site => ({ root, url: `${url}${prefix}/files/`, ranges })
  if (way === "alone") {
    const { port } = yield* serve({
      host: "127.0.0.1",
      port: 0,
      graceMillis: 0,
      renderFailure: FailurePage.render,
      handler: ({ body, head }, reply) => {
        const target = head.target.startsWith(prefix) ? head.target.slice(prefix.length) : "/none"
        const headers = [...head.headers, ["X-Forwarded-Prefix", prefix] as const]
        return watched({ ...head, headers, target }, body, reply)
      },
    })
    return site(`http://127.0.0.1:${port}`)
  }
  const relay = yield* Harness.relay({ servers: ["dev"] })
  const transport = way === "through classic" ? "classic" : "stream"
  yield* Harness.server(relay, "dev", watched, { transport })
  return site(relay.url)
})

const withSite = async (way: Way, use: (site: Site) => Promise<void>): Promise<void> => {
  const scope = Scope.makeUnsafe()
  try {
    await use(await Effect.runPromise(Scope.provide(siteOf(way), scope)))
  } finally {
    await Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

const namesOf = (page: Page): Promise<ReadonlyArray<string>> =>
  page.locator("tbody tr[data-name]:visible td:nth-child(2) a:first-child").allInnerTexts()

const browser = launched()

describe.skipIf(!hasBrowser).each(ways)("in a browser, the file server's pages %s", (way) => {
  /** A page that fails the test if anything breaks the policy, throws or runs somebody's script. */
  const withPage = async (
    options: BrowserContextOptions,
    use: (page: Page, site: Site) => Promise<void>,
  ): Promise<void> =>
    withSite(way, (site) =>
      Browser.withPage(
        browser(),
        options,
        async (page) => {
          await use(page, site)
          assert.notStrictEqual(await page.title(), "RUN")
        },
        (url) => url.startsWith(new URL(site.url).origin),
      ),
    )

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
      await page.getByRole("searchbox", { name: "Filter by name" }).fill("PICTURE")
      await page.getByText("3 of 38 shown").waitFor()
      assert.strictEqual((await namesOf(page)).length, 3)
      await page.getByRole("searchbox", { name: "Filter by name" }).fill("")
      await page.getByRole("link", { name: "docs/" }).click()
      assert.include(page.url(), `${prefix}/files/docs/`)
      await page.getByRole("link", { name: "Parent folder" }).click()
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
      const shown = await page.locator(".grid img").evaluateAll(async (images) =>
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
      const time = await page.locator("audio").evaluate(async (element) => {
        const audio = element as HTMLAudioElement
        if (audio.readyState < 1) {
          await new Promise((resolve) => audio.addEventListener("loadedmetadata", resolve))
        }
        const seeked = new Promise((resolve) => audio.addEventListener("seeked", resolve))
        audio.currentTime = 8
        await seeked
        return [audio.currentTime, audio.duration]
      })
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
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("button", { name: "Download all as .zip" }).click(),
      ])
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
      const drop = (content: string) =>
        page.evaluate((text) => {
          const transfer = new DataTransfer()
          transfer.items.add(new File([text], "dropped ü#?.txt"))
          document.body.dispatchEvent(
            new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }),
          )
        }, content)
      await drop("first")
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
      const box = page.getByRole("searchbox", { name: "Filter by name" })
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
      await page.getByText("QR code").click()
      assert.isTrue(
        await page.getByRole("img", { name: "QR code of this page's address" }).isVisible(),
      )
      assert.strictEqual(await page.locator(".qr code").innerText(), url)
      await page.getByLabel("Choose files").setInputFiles([
        { name: "form one.txt", mimeType: "text/plain", buffer: Buffer.from("one") },
        { name: "form two.txt", mimeType: "text/plain", buffer: Buffer.alloc(700_000, "2") },
      ])
      await page.getByRole("button", { name: "Upload" }).click()
      await page.getByRole("link", { name: "form two.txt", exact: true }).waitFor()
      assert.strictEqual(fs.readFileSync(path.join(root, "form one.txt"), "utf8"), "one")
      assert.strictEqual(fs.statSync(path.join(root, "form two.txt")).size, 700_000)
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
    }))

  // Behind a relay the pages are the same, below the same prefix.
  if (way !== "alone") return

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
      await page.locator("body").click()
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
      await page.locator("body").click()
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
        assert.strictEqual(await page.locator("main :is(img, video, audio):visible").count(), 0)
      }
      await page.goto(`${url}docs/good.svg?view`)
      assert.isTrue(await page.locator("main img").isVisible())
      assert.isFalse(await page.getByText("This browser cannot").isVisible())
      await page.goto(`${url}docs/?grid`)
      await page.locator("li[data-name='photo.heic'] .tile").waitFor()
      await page.locator("li[data-name='scan.tiff'] .tile").waitFor()
      await page.locator("li[data-name='broken.jpg'] .tile").waitFor()
      assert.strictEqual(await page.locator(".grid img:visible").count(), 1)
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
          "../",
          "?grid",
          "?filter=nothing+at+all",
          "README.md?view",
          "picture10.svg?view",
          "silence.wav?view",
          "?q=note",
          "docs/tasks.md?view",
        ]) {
          await page.goto(url + target)
          for (const details of await page.locator("details").all()) {
            await details.evaluate((element) => element.setAttribute("open", ""))
          }
          await isClean(page)
          await fits(page)
        }
      }),
    120_000,
  )
})

if (!hasBrowser) {
  it.skip(`the file server's pages in a browser: there is none at ${executablePath}`, () => {})
}

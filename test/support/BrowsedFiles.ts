/**
 * A file server's pages in a browser. The tests of one file share the browser,
 * the file server and the way to it, since these take longer to start than
 * most of the tests take. Each test has a new page and finds the folder as it
 * was at first.
 */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, assert, beforeAll } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Browser, BrowserContextOptions, Page } from "playwright-core"
import * as Headers from "../../src/domain/HeaderList.ts"
import * as FileServer from "../../src/fileserver/FileServer.ts"
import type { Handler } from "../../src/transport/body/Handler.ts"
import { serve } from "../../src/transport/front/NodeFront.ts"
import * as FailurePage from "../../src/web/FailurePage.ts"
import { hasBrowser, withPage } from "./Browser.ts"
import * as Harness from "./Harness.ts"

/** What the paths of all pages begin with. */
export const prefix = "/servers/dev"

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

/** A picture with a script, which has to stay unused. */
export const picture = (color: string): string =>
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

/** The file server as a test sees it. */
export interface BrowsedSite {
  /** The shared folder. */
  readonly root: string
  /** Where its first page is. */
  readonly url: string
  /** The `Range` fields of the requests of this test. */
  readonly ranges: ReadonlyArray<string>
}

/** How a visitor gets to the file server: directly below a prefix, or through a relay. */
export const ways = ["alone", "through classic", "through stream"] as const
/** One of {@link ways}. */
export type Way = (typeof ways)[number]

interface Started {
  readonly url: string
  readonly ranges: Array<string>
}

type Options = Partial<FileServer.FileServerOptions>

const start = Effect.fnUntraced(function* (way: Way, root: string, options: Options) {
  const ranges: Array<string> = []
  const handler = yield* FileServer.make({
    root,
    uploads: { overwrite: false },
    shareLinks: path.join(path.dirname(root), `${path.basename(root)}-links`, "links.json"),
    thumbFolder: path.join(path.dirname(root), `${path.basename(root)}-thumbs`),
    ...options,
  })
  const watched: Handler = (head, body, reply) => {
    const range = Headers.first(head.headers, "range")
    if (range !== undefined) ranges.push(range)
    return handler(head, body, reply)
  }
  const started = (url: string): Started => ({ url: `${url}${prefix}/files/`, ranges })
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
    return started(`http://127.0.0.1:${port}`)
  }
  const relay = yield* Harness.relay({ servers: ["dev"] })
  const transport = way === "through classic" ? "classic" : "stream"
  yield* Harness.server(relay, "dev", watched, { transport })
  return started(relay.url)
})

/** Opens a page in a test; fails the test if the page breaks its policy, throws or runs somebody's script. */
export type Browse = (
  options: BrowserContextOptions,
  use: (page: Page, site: BrowsedSite) => Promise<void>,
) => Promise<void>

/** Has the tests around it run with a file server, whose pages the returned function opens. */
export const browsed = (browser: () => Browser, way: Way, more: Options = {}): Browse => {
  const scope = Scope.makeUnsafe()
  let root = ""
  let started: Started = { url: "", ranges: [] }
  if (hasBrowser) {
    beforeAll(async () => {
      root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "ptth-test-")))
      started = await Effect.runPromise(Scope.provide(start(way, root, more), scope))
    })
    afterAll(async () => {
      await Effect.runPromise(Scope.close(scope, Exit.void))
      for (const folder of [root, `${root}-thumbs`, `${root}-links`]) {
        fs.rmSync(folder, { recursive: true, force: true })
      }
    })
  }
  return (options, use) => {
    for (const name of fs.readdirSync(root)) {
      fs.rmSync(path.join(root, name), { recursive: true })
    }
    fill(root)
    const { ranges, url } = started
    ranges.length = 0
    return withPage(
      browser(),
      options,
      async (page) => {
        await use(page, { root, url, ranges })
        assert.notStrictEqual(await page.title(), "RUN")
      },
      (asked) => asked.startsWith(new URL(url).origin),
    )
  }
}

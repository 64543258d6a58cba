/** The HTML of the file server's pages, also with hostile names and markup. */
import * as fs from "node:fs"
import * as path from "node:path"
import { Script } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as FileServer from "../../../src/fileserver/FileServer.ts"
import * as PageAddress from "../../../src/fileserver/http/PageAddress.ts"
import * as Query from "../../../src/fileserver/http/Query.ts"
import * as Markdown from "../../../src/fileserver/render/Markdown.ts"
import * as Render from "../../../src/fileserver/render/Render.ts"
import { kinds } from "../../../src/fileserver/types/Kind.ts"
import * as Html from "../../../src/web/Html.ts"
import * as Page from "../../../src/web/Page.ts"
import { js } from "../../../src/web/Script.ts"
import { type Answered, type Call, callHandler } from "../../support/callHandler.ts"
import { replaceFs, temporaryFolder, untilClosed } from "../../support/temporaryFolder.ts"

const site = async () => {
  const root = temporaryFolder()
  const handler = await Effect.runPromise(FileServer.make({ root }))
  const get = (
    target: string,
    headers: Call["headers"] = [["Accept", "text/html"]],
  ): Promise<Answered> => callHandler(handler, { target, headers })
  const write = (name: string, content: string | Buffer = "") => {
    fs.mkdirSync(path.dirname(path.join(root, name)), { recursive: true })
    fs.writeFileSync(path.join(root, name), content)
  }
  return { root, get, write }
}

const namesOf = (page: Answered): ReadonlyArray<string> =>
  [...page.text.matchAll(/<(?:tr|li) data-name="([^"]*)"/g)].map(([, name]) => name as string)

const summaryOf = (page: Answered): string | undefined =>
  /<p id="page\.summary" role="status">([^<]*)</.exec(page.text)?.[1]

const hostile = `"><script>alert(1)</script><img src=x onerror=alert(1)>' javascript:alert(1)`

/** What of some markup runs something or leads to a script. */
const dangersOf = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/<[a-z!?/](?:[^>"]|"[^"]*")*>?/gi)].flatMap(([tag]) => {
    const bare = tag.replaceAll(/"[^"]*"/g, '""')
    const isOurs =
      /^<script src="(?:\.\.\/)+assets\/(?:files|theme)-[0-9a-f]{16}\.js" integrity="sha256-[\w+/=]{44}"(?: defer)?>$/.test(
        tag,
      )
    return (/^<(?:script|iframe|embed|style|base|meta http)/i.test(bare) && !isOurs) ||
      /[\s"'/]on\w+\s*=/i.test(bare) ||
      /(?:href|src|action|data)="\s*(?:javascript|data|vbscript):/i.test(tag)
      ? [tag]
      : []
  })

describe("a folder's page", () => {
  it("is sorted by each column both ways, folders first", async () => {
    const { get, root, write } = await site()
    for (const [name, size, time] of [
      ["b10.txt", 1, 3],
      ["b9.md", 3, 2],
      ["a.png", 2, 1],
    ] as const) {
      write(name, "x".repeat(size))
      fs.utimesSync(path.join(root, name), time * 1000, time * 1000)
    }
    fs.mkdirSync(path.join(root, "folder2"))
    fs.mkdirSync(path.join(root, "folder10"))
    const order = async (query: string) => namesOf(await get(`/files/${query}`))
    const up = ["folder2", "folder10"]
    assert.deepStrictEqual(await order(""), [...up, "a.png", "b9.md", "b10.txt"])
    assert.deepStrictEqual(await order("?order=desc"), [
      "folder10",
      "folder2",
      "b10.txt",
      "b9.md",
      "a.png",
    ])
    assert.deepStrictEqual(await order("?sort=size"), [...up, "b10.txt", "a.png", "b9.md"])
    assert.deepStrictEqual(await order("?sort=size&order=desc"), [
      ...up,
      "b9.md",
      "a.png",
      "b10.txt",
    ])
    assert.deepStrictEqual((await order("?sort=time")).slice(2), ["a.png", "b9.md", "b10.txt"])
    assert.deepStrictEqual(await order("?sort=type"), [...up, "a.png", "b9.md", "b10.txt"])
    assert.deepStrictEqual(await order("?sort=nonsense&order=nonsense&page=-1"), await order(""))
    const sorted = await get("/files/?sort=size&order=desc")
    assert.include(sorted.text, 'aria-sort="descending"><a href="./?sort=size" rel="nofollow">Size')
  })

  it("shows count and size, and with a filter the count of matches", async () => {
    const { get, root, write } = await site()
    fs.mkdirSync(path.join(root, "Notes"))
    for (const name of ["note1", "NOTE2", "other"]) write(name, "x".repeat(500))
    assert.strictEqual(summaryOf(await get("/files/")), "1 folder, 3 files, 1.5 kB")
    const filtered = await get("/files/?filter=note&sort=name")
    assert.strictEqual(summaryOf(filtered), "1 folder, 2 files, 1.0 kB (of 4)")
    assert.deepStrictEqual(namesOf(filtered), ["Notes", "note1", "NOTE2"])
    assert.include(filtered.text, 'name="filter" value="note"')
    assert.include((await get("/files/?filter=nothing")).text, "No name contains this text.")
  })

  it("has a label for every icon, and one icon for every kind", async () => {
    const { get, root, write } = await site()
    fs.mkdirSync(path.join(root, "folder"))
    const names = ["a.png", "b.mp4", "c.mp3", "d.md", "e.ts", "f.txt", "g.pdf", "h.zip", "i.bin"]
    for (const name of names) write(name)
    const { text } = await get("/files/")
    for (const { label } of Object.values(kinds)) {
      assert.include(text, `role="img" aria-label="${label}"`)
    }
    const used = [...text.matchAll(/<use href="#([\w.-]+)"/g)].map(([, id]) => id)
    for (const id of used) assert.include(text, `<symbol id="${id}"`)
    for (const name of names.slice(0, 7)) assert.include(text, `href="${name}?view"`)
    assert.notInclude(text, "h.zip?view")
  })

  it("of many entries is split, examines only what it shows, and filters all names", async () => {
    const { get, root } = await site()
    const many = path.join(root, "many")
    fs.mkdirSync(path.join(many, "z folder"), { recursive: true })
    for (let i = 0; i < 2_500; i++) fs.writeFileSync(path.join(many, `file${i}`), "")
    fs.symlinkSync("z folder", path.join(many, "a link to a folder"))
    fs.utimesSync(many, 1e9, 1e9)
    const lstat = fs.lstat
    let looked = 0
    replaceFs({
      lstat: ((...args: ReadonlyArray<unknown>) => {
        looked++
        ;(lstat as (...args: ReadonlyArray<unknown>) => void)(...args)
      }) as unknown as typeof lstat,
    })
    const seen: Array<string> = []
    let target = "/files/many/"
    for (let page = 1; page <= 3; page++) {
      const answer = await get(target)
      seen.push(...namesOf(answer))
      const next = /<a rel="next" href="\.\/([^"]*)"/.exec(answer.text)?.[1]
      if (next === undefined) break
      target = `/files/many/${next}`
    }
    assert.isAtMost(looked, 2_502 + 3)
    assert.deepStrictEqual(seen, [
      "a link to a folder",
      "z folder",
      ...Array.from({ length: 2_500 }, (_, i) => `file${i}`),
    ])
    looked = 0
    const second = await get("/files/many/?page=2")
    assert.isAtMost(looked, 1_001)
    assert.strictEqual(summaryOf(second), "2 folders, 2,500 files; 1,001 to 2,000 are on this page")
    assert.deepStrictEqual(namesOf(await get("/files/many/?page=99")), seen.slice(2_000))
    assert.strictEqual(namesOf(await get("/files/many/?sort=size&order=desc")).length, 1_000)
    assert.deepStrictEqual(namesOf(await get("/files/many/?filter=file249")), [
      "file249",
      ...Array.from({ length: 10 }, (_, i) => `file249${i}`),
    ])
    assert.deepStrictEqual(await untilClosed(root), [])
  })

  it("reflects no parameter and no name as markup", async () => {
    const { get, root, write } = await site()
    write("README.md", hostile)
    write(hostile.replaceAll("/", "_"))
    fs.mkdirSync(path.join(root, "<img src=x onerror=alert(1)>"))
    const query = encodeURIComponent(hostile)
    for (const name of ["sort", "order", "filter", "page", "grid", "archive", "q", "x"]) {
      for (const path of [
        "/files/",
        `/files/${encodeURIComponent("<img src=x onerror=alert(1)>")}/`,
      ]) {
        const page = await get(`${path}?${name}=${query}&filter=${query}`)
        assert.strictEqual(page.status, 200)
        assert.deepStrictEqual(dangersOf(page.text), [])
      }
    }
    assert.deepStrictEqual(dangersOf((await get("/files/?grid")).text), [])
  })

  it("shows its README under any usual name, unless it is not text or too large", async () => {
    const { get, write } = await site()
    const shows = async (target: string): Promise<boolean> =>
      (await get(target)).text.includes('aria-label="README"')
    write("a/ReadMe.MD", "# Hello")
    write("b/README", "<b>plain</b>")
    write("c/README.md", Buffer.from([0, 1, 2]))
    write("d/README.md", "x".repeat(Render.maxSize + 1))
    write("e/README.md/file", "")
    assert.include((await get("/files/a/")).text, '<h1 id="hello">Hello</h1>')
    assert.include((await get("/files/b/")).text, "&lt;b&gt;plain&lt;/b&gt;")
    for (const folder of ["c", "d", "e"]) assert.isFalse(await shows(`/files/${folder}/`), folder)
  })

  it("has the QR code of the address in the visitor's browser", () => {
    const head = (headers: Call["headers"]) => ({
      method: "GET",
      target: "/files/a%20b/?grid",
      headers: headers ?? [],
    })
    assert.strictEqual(PageAddress.of(head([["Host", "h:1"]])), "http://h:1/files/a%20b/?grid")
    assert.strictEqual(
      PageAddress.of(
        head([
          ["Host", "inner"],
          ["X-Forwarded-Host", "relay.example"],
          ["X-Forwarded-Proto", "https"],
          ["X-Forwarded-Prefix", "/servers/dev"],
        ]),
      ),
      "https://relay.example/servers/dev/files/a%20b/?grid",
    )
    for (const headers of [[], [["Host", 'x"><script>']], [["Host", "a@b"]]] as const) {
      assert.isUndefined(PageAddress.of(head(headers)))
    }
    assert.isUndefined(PageAddress.qrCode("x".repeat(2_000)))
  })
})

describe("a listing for programs", () => {
  it("as JSON or a plain list has the entries of one kind, if that is asked for", async () => {
    const { get, root, write } = await site()
    fs.mkdirSync(path.join(root, "sub"))
    write("c.jpg", "")
    const { entries } = JSON.parse((await get("/files/?json&kind=folder")).text)
    assert.deepStrictEqual(
      entries.map(({ name }: { readonly name: string }) => name),
      ["sub"],
    )
    assert.strictEqual((await get("/files/?plain&kind=image")).text, "c.jpg\n")
  })

  const program: Call["headers"] = [["Accept", "*/*"]]

  it.each([
    ["*/*", program],
    ["nothing", []],
  ] as const)("that accept %s links each entry once, at its own address", async (_, headers) => {
    const { get, root, write } = await site()
    fs.mkdirSync(path.join(root, "sub"))
    for (const name of ["a.txt", "b.md", "c.jpg", "d.zip", "README.md"]) {
      write(name, "[a](a.txt) [gone](gone.txt)")
    }
    for (const target of ["/files/", "/files/?grid", "/files/?sort=time", "/files/?q=a"]) {
      const page = await get(target, headers)
      const links = [...page.text.matchAll(/<a [^>]*?href="([^"]*)"/g)].map(([, href]) =>
        (href as string).replace(/^\.\//, ""),
      )
      const names = links.filter((href) => href !== "" && !href.startsWith("."))
      const expected = ["sub/", "a.txt", "b.md", "c.jpg", "d.zip", "README.md"].filter(
        (name) => !target.endsWith("q=a") || name.toLowerCase().includes("a"),
      )
      assert.sameMembers(
        names.map((href) => href.replace("?grid", "")),
        expected,
        target,
      )
      // What repeats a text of the request is not compressed.
      const vary = target.endsWith("q=a") ? "Accept" : "Accept, Accept-Encoding"
      assert.strictEqual(page.header("vary"), vary)
    }
  })

  it("has no link to an archive, and none for browsers either", async () => {
    const { get, write } = await site()
    write("a.txt")
    for (const headers of [program, [["Accept", "text/html"]] as const]) {
      const { text } = await get("/files/", headers)
      assert.notMatch(text, /href="[^"]*archive/)
    }
    assert.include((await get("/files/")).text, '<button name="archive" value="zip">')
  })
})

describe("the name of a file in a listing", () => {
  it.each([
    ["note.txt", "note.txt?view"],
    ["code.ts", "code.ts?view"],
    ["picture.jpg", "picture.jpg?view"],
    ["page.html", "page.html"],
    ["pack.zip", "pack.zip"],
    ["unknown.xyz", "unknown.xyz"],
  ])("leads browsers from %s to %s", async (name, expected) => {
    const { get, write } = await site()
    write(name, "x")
    for (const target of ["/files/", "/files/?grid", "/files/?q=."]) {
      const { text } = await get(target)
      const grid = target.endsWith("grid") && expected.endsWith("view") ? "&amp;grid" : ""
      assert.include(text, `href="${target.endsWith("q=.") ? "./" : ""}${expected}${grid}"`)
    }
    const { text } = await get("/files/")
    assert.strictEqual(text.includes(`href="${name}" download`), name !== "page.html")
    assert.strictEqual(text.includes('href="page.html?view"'), name === "page.html")
  })
})

describe("the questions of an address", () => {
  it.effect.prop(
    "are the same after they have been written and read",
    [
      Schema.Struct({
        sort: Schema.Literals(Query.columns),
        order: Schema.Literals(["asc", "desc"]),
        filter: Schema.String.check(Schema.isMaxLength(80)),
        page: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 999 })),
        grid: Schema.Boolean,
      }),
    ],
    ([asked]) =>
      Effect.sync(() => {
        const filter = asked.filter.toWellFormed()
        const href = Query.toHref({ ...asked, filter })
        assert.match(href, /^\.\/(?:\?[!-~]*)?$/)
        const query = href.split("?")[1]
        assert.deepStrictEqual(Query.parse(query), { ...Query.none, ...asked, filter })
      }),
  )
})

describe("a file's page", () => {
  it("shows the file, with links to the previous and next of the same kind", async () => {
    const { get, write } = await site()
    for (const name of ["p1.png", "p2.png", "p10.png", "x.txt", "film.mp4", "song.mp3", "d.pdf"]) {
      write(name, "x")
    }
    const picture = await get("/files/p2.png?view")
    assert.include(picture.text, '<img src="p2.png"')
    assert.include(picture.text, 'rel="prev" href="p1.png?view"')
    assert.include(picture.text, 'rel="next" href="p10.png?view"')
    assert.strictEqual(picture.header("content-security-policy"), Page.filesPolicy)
    assert.include((await get("/files/film.mp4?view")).text, '<video src="film.mp4" controls')
    assert.include((await get("/files/song.mp3?view")).text, '<audio src="song.mp3" controls')
    assert.include((await get("/files/d.pdf?view")).text, '<object data="d.pdf"')
    assert.isUndefined((await get("/files/d.pdf")).header("content-security-policy"))
  })

  it("leads on in the order of the listing that one came from", async () => {
    const { get, root, write } = await site()
    const names = ["a.jpg", "b.jpg", "É.jpg", "f.jpg", "Ö.png", "img10.jpg", "img2.jpg"]
    for (const [i, name] of [...names, "z.txt"].entries()) {
      write(name, "x".repeat((i * 3) % 7))
      fs.utimesSync(path.join(root, name), 1e9 + ((i * 5) % 11), 1e9 + ((i * 5) % 11))
    }
    fs.mkdirSync(path.join(root, "folder.jpg"))
    const link = (text: string, rel: string): string | undefined =>
      new RegExp(`rel="${rel}" href="([^"]*)"`).exec(text)?.[1]?.replaceAll("&amp;", "&")
    for (const query of [
      "",
      "?order=desc",
      "?sort=time",
      "?sort=size&order=desc",
      "?sort=type",
      "?filter=i",
      "?grid&sort=time",
    ]) {
      const listing = await get(`/files/${query}`)
      const order = namesOf(listing).filter((name) => /^(?!folder).*\.(?:jpg|png)$/.test(name))
      const first = encodeURIComponent(order[0] as string)
      const start = new RegExp(`href="(${first}\\?view[^"]*)"`).exec(listing.text)?.[1]
      let at = start?.replaceAll("&amp;", "&")
      const walked: Array<string> = []
      let text = ""
      while (at !== undefined && walked.length < 9) {
        walked.push(decodeURIComponent(at.split("?")[0] as string))
        text = (await get(`/files/${at}`)).text
        at = link(text, "next")
      }
      assert.deepStrictEqual(walked, order, query)
      const previous = decodeURIComponent(link(text, "prev")?.split("?")[0] ?? "")
      assert.strictEqual(previous, order.at(-2), query)
      const back = query === "" ? "./" : `./${query.replaceAll("&", "&amp;")}`
      assert.include(text, `<a class="button" rel="up" href="${back}">`)
    }
  })

  it("shows text and code under a policy that runs none of them", async () => {
    const { get, write } = await site()
    write("evil.html", "<script>alert(1)</script>")
    write("evil.svg", "<svg onload='alert(1)'><script>alert(1)</script></svg>")
    write("code.ts", "const a = '<b>'")
    write("trojan.ts", "const a = 1 // \u202e\u2066 hidden")
    write("big.txt", "x".repeat(Render.maxSize + 1))
    write("binary.txt", Buffer.from([1, 0, 2]))
    const page = await get("/files/evil.html?view")
    assert.include(page.text, "&lt;")
    assert.deepStrictEqual(dangersOf(page.text), [])
    assert.strictEqual(page.header("content-security-policy"), Page.filesPolicy)
    assert.notInclude(Page.filesPolicy, "script-src 'self'")
    assert.include(
      (await get("/files/code.ts?view")).text,
      '<span class="hljs-keyword">const</span>',
    )
    assert.include((await get("/files/evil.svg?view")).text, '<img src="evil.svg"')
    assert.strictEqual((await get("/files/evil.svg")).header("content-security-policy"), "sandbox")
    assert.strictEqual((await get("/files/evil.html")).header("content-security-policy"), "sandbox")
    const warning = "change the writing direction"
    assert.include((await get("/files/trojan.ts?view")).text, warning)
    assert.notInclude((await get("/files/code.ts?view")).text, warning)
    assert.include((await get("/files/big.txt?view")).text, "Part 1 of 5")
    assert.include((await get("/files/binary.txt?view")).text, "not text")
  })

  it("of Markdown is rendered as by the original, and the file itself is sent unchanged", async () => {
    const { get, root, write } = await site()
    write("docs/a b.md", `[next](c%20d.md)\n\n${hostile}`)
    for (const query of ["as_markdown", "as_markdown=1", "view"]) {
      const page = await get(`/files/docs/a%20b.md?${query}`)
      assert.include(page.text, '<a href="c%20d.md?view">next</a>')
      assert.deepStrictEqual(dangersOf(page.text), [])
    }
    assert.isTrue((await get("/files/docs/a%20b.md")).text.startsWith("[next]"))
    assert.strictEqual((await get("/files/docs/absent.md?view")).status, 404)
    assert.deepStrictEqual(await untilClosed(root), [])
  })
})

describe("Markdown", () => {
  it.each([
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg/onload=alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    '<a href="java\tscript:alert(1)">x</a>',
    '<a href="&#106;avascript:alert(1)">x</a>',
    "[x](javascript:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "<iframe src=javascript:alert(1)></iframe>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<form action=x><button formaction=javascript:alert(1)>x</form>",
    "<style>@import 'https://evil.example'</style>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<base href=https://evil.example>",
    "<object data=x></object><embed src=x>",
    '<p style="background:url(https://evil.example)" class="upload" id="filter">x</p>',
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    '```"><script>alert(1)</script>\nx\n```',
    "<textarea></textarea><img src=x onerror=alert(1)>",
    "<details ontoggle=alert(1) open>x</details>",
    "<video src=x onerror=alert(1)></video>",
  ])("with %s runs nothing", (text) => {
    const html = Markdown.toHtml(text)
    assert.deepStrictEqual(dangersOf(html), [])
    assert.notMatch(html, /<(?!\/?(?:p|a|img|span|pre|code|table|details|div|em|strong)\b)/)
    assert.notMatch(html, /\s(?:style|class="upload"|id="filter")/)
  })

  it.each([
    "![x](https://evil.example/x.png)",
    "![x](//evil.example/x.png)",
    "![x](/\\evil.example/x.png)",
    '<img src="\\\\evil.example/x.png" alt="x">',
    '<img src="/\t/evil.example/x.png" alt="x">',
    '<img srcset="https://evil.example/x.png" alt="x">',
    '<picture><source srcset="https://evil.example/x.png"><img alt="x"></picture>',
    "![x](data:image/svg+xml,<svg>)",
  ])("with %s loads nothing from elsewhere", (text) => {
    assert.notMatch(Markdown.toHtml(text), /(?:src|srcset)="[^"]*(?:[/\\\\]{2}evil|data:)/)
  })

  it("keeps pictures and links that are relative, and anchors that lead to its headings", () => {
    const html = Markdown.toHtml("# A & b\n\n![p](img/p.png) [l](../x.md) [a](#a--b)")
    assert.include(html, '<h1 id="a--b">')
    assert.include(html, 'src="img/p.png"')
    assert.include(html, 'href="../x.md?view"')
    assert.include(html, 'href="#a--b"')
    const elsewhere = Markdown.toHtml("[e](https://e.example)")
    assert.include(elsewhere, 'rel="noopener noreferrer nofollow"')
  })

  it.effect.prop(
    "of any text has only the tags and attributes that are allowed",
    [
      Schema.Array(
        Schema.Literals([
          "<",
          ">",
          '"',
          "'",
          "script",
          "img src=",
          "x onerror=",
          "a href=",
          "javascript:",
          "](",
          "[",
          "`",
          "\n",
          " ",
          "<!--",
          "-->",
          "style",
          "/",
          "&lt;",
          "svg",
        ]),
      ),
    ],
    ([pieces]) =>
      Effect.sync(() => {
        assert.deepStrictEqual(dangersOf(Markdown.toHtml(pieces.join(""))), [])
      }),
  )
})

describe("rendering", () => {
  const rendered = (renderer: Render.Renderer, text: string, language: string | undefined) =>
    new Promise<string>((resolve) =>
      renderer.render(text, language, (html) => resolve(Html.toText(html))),
    )

  it("gives each text its own answer", async () => {
    const renderer = Render.make()
    const answers = await Promise.all([
      rendered(renderer, "*a*", undefined),
      rendered(renderer, "const a", "ts"),
      rendered(renderer, "<x>", "no such language"),
    ])
    assert.deepStrictEqual(answers, [
      "<p><em>a</em></p>\n",
      '<span class="hljs-keyword">const</span> a',
      "&lt;x&gt;",
    ])
  })

  it("gives up a text that takes too long, shows it as it is, and goes on", async () => {
    const renderer = Render.make({ timeout: 1 })
    const count = 50_000
    assert.strictEqual(
      await rendered(renderer, "*a* <b> ".repeat(count), undefined),
      `<pre tabindex="0">${"*a* &lt;b&gt; ".repeat(count)}</pre>`,
    )
    assert.strictEqual(await rendered(renderer, "<b>", "ts"), "&lt;b&gt;")
  })

  it("renders a text once for all who ask for it, and does not try again what it gave up", async () => {
    const count = (renderer: Render.Renderer, text: string): number => {
      let given = 0
      for (let i = 0; i < 3; i++) renderer.render(text, undefined, () => given++)
      return given
    }
    const patient = Render.make()
    assert.strictEqual(count(patient, "*a*"), 0)
    await rendered(patient, "*a*", undefined)
    assert.strictEqual(count(patient, "*a*"), 3)
    assert.strictEqual(await rendered(patient, "*a*", undefined), "<p><em>a</em></p>\n")
    const strict = Render.make({ timeout: 1 })
    const slow = "*a* <b> ".repeat(50_000)
    await rendered(strict, slow, undefined)
    assert.strictEqual(count(strict, slow), 3)
    const hurried = Render.make({ longest: 1 })
    assert.strictEqual(await rendered(hurried, "*a*", undefined), '<pre tabindex="0">*a*</pre>')
    assert.strictEqual(count(hurried, "*a*"), 0)
  })

  it("shows a text as it is that would have to wait for others for too long", async () => {
    const renderer = Render.make({ patience: 0 })
    const [first, second] = await Promise.all([
      rendered(renderer, "*a*", undefined),
      rendered(renderer, "*b*", undefined),
    ])
    assert.strictEqual(first, "<p><em>a</em></p>\n")
    assert.strictEqual(second, '<pre tabindex="0">*b*</pre>')
  })

  it("does not count the time in which others have the processor", async () => {
    const renderer = Render.make({ timeout: 1, busyMillis: async () => 0 })
    assert.strictEqual(await rendered(renderer, "*a*", undefined), "<p><em>a</em></p>\n")
  })
})

describe("a grid", () => {
  it("loads the images of the first window with the page, and further ones when they are seen", async () => {
    const { get, write } = await site()
    for (let i = 10; i < 30; i++) write(`sub/${i}.jpg`)
    write("sub/0.mp4")
    const { text } = await get("/files/sub/?grid")
    const images = [...text.matchAll(/<img src="(\w+)\.\w+\?thumb[^>]*>/g)]
    const isLazy = images.map(([image]) => image.includes(' loading="lazy"'))
    const isFilm = images.map(([, name]) => name === "0")
    assert.deepStrictEqual(
      isLazy,
      isFilm.map((film, position) => film || position >= 12),
    )
    assert.isAtLeast(images.length, 20)
  })

  it("leads to folders as grids, down and up, and can be sorted", async () => {
    const { get, write } = await site()
    write("sub/deep/a.jpg")
    const { text } = await get("/files/sub/?grid")
    assert.include(text, '<a href="deep/?grid"')
    assert.include(text, '<a href="../?grid" rel="up">')
    assert.include(text, '<a href="../?grid"><bdi>files')
    for (const column of ["type", "size", "time"]) {
      assert.include(text, `<a href="./?grid&amp;sort=${column}" rel="nofollow">`)
    }
    const sorted = (await get("/files/sub/?grid&sort=size")).text
    assert.include(
      sorted,
      '<li aria-current="true"><a href="./?grid&amp;sort=size" rel="nofollow">',
    )
    assert.notInclude((await get("/files/sub/")).text, "deep/?grid")
  })
})

describe("the script", () => {
  it("is served as such, can be parsed, and makes no markup out of text", async () => {
    const { get } = await site()
    const answer = await get("/assets/app.js")
    assert.strictEqual(answer.header("content-type"), "text/javascript; charset=utf-8")
    assert.strictEqual(answer.text, js)
    assert.doesNotThrow(() => new Script(js))
    assert.notMatch(
      js,
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function/,
    )
  })
})

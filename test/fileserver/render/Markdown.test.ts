/**
 * Markdown beyond CommonMark: what GitHub, Jekyll and Obsidian add, and where
 * links lead. What must not get through is tested in `pages/Pages.test.ts`.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Markdown from "../../../src/fileserver/render/Markdown.ts"

const hrefOf = (target: string): string | undefined =>
  /<a href="([^"]*)"/.exec(Markdown.toHtml(`[x](<${target}>)`))?.[1]

describe("links in Markdown", () => {
  it.each([
    ["guide.md", "guide.md?view"],
    ["./guide.md", "./guide.md?view"],
    ["../Docs/other one.MD#part", "../Docs/other%20one.MD?view#part"],
    ["main.py", "main.py?view"],
    ["LICENSE", "LICENSE?view"],
    ["%C3%BCber.md", "%C3%BCber.md?view"],
  ])("to the text %s lead to its page", (target, expected) => {
    assert.strictEqual(hrefOf(target), expected)
  })

  it.each([
    "https://example.com/a.md",
    "mailto:a@example.com",
    "//example.com/a.md",
    "/elsewhere/a.md",
    "a.md?download",
    "#part",
    "a.zip",
    "p.png",
    "film.mp4",
    "page.html",
    "docs/",
    "..",
    "100%25",
  ])("to %s stay as they are", (target) => {
    const expected = /^\/\//.test(target) ? undefined : target
    assert.strictEqual(hrefOf(target), expected)
  })
})

describe("headings in Markdown", () => {
  const anchorsOf = (text: string): ReadonlyArray<string> =>
    [...Markdown.toHtml(text).matchAll(/<h\d[^>]* id="([^"]*)"/g)].map(([, id]) => id as string)

  it("have the anchors that GitHub gives them", () => {
    const text =
      "# Far away\n## A & b\n## `code` in [a link](x)\n## Über Größe\n## 日本語\n## 🚀 Start\n## snake_case-x\n## ![picture](p.png) Title\nSetext\n---\n## !?"
    assert.deepStrictEqual(anchorsOf(text), [
      "far-away",
      "a--b",
      "code-in-a-link",
      "über-größe",
      "日本語",
      "-start",
      "snake_case-x",
      "-title",
      "setext",
    ])
  })

  it("in HTML have anchors too", () => {
    const text =
      '<h1 align="center">\n  My <b>project</b>\n</h1>\n\n<h2 id="own">x</h2>\n\n# My project'
    assert.deepStrictEqual(anchorsOf(text), ["my-project", "own", "my-project-1"])
  })

  it("of the same text have different anchors, also beside one that is written so", () => {
    assert.deepStrictEqual(anchorsOf("# x\n# X\n# x-1\n# x"), ["x", "x-1", "x-1-1", "x-2"])
  })

  it("have none of the ids of the page, and keep those that authors gave", () => {
    const html = Markdown.toHtml(
      '<h2 id="own">x</h2>\n\n<a name="place"></a>\n\n<h2 id="page.summary">y</h2>\n\n# page.filter',
    )
    assert.include(html, '<h2 id="own">')
    assert.include(html, '<a id="place">')
    assert.include(html, '<h1 id="pagefilter">')
    assert.notInclude(html, 'id="page.')
  })
})

describe("Markdown shows", () => {
  it("tasks as check boxes that nobody can change", () => {
    const html = Markdown.toHtml("- [ ] todo\n- [x] done\n  1. [X] nested\n- plain [x]\n\n[x] text")
    const boxes = [...html.matchAll(/<input[^>]*>/g)].map(([tag]) => tag)
    assert.lengthOf(boxes, 3)
    for (const box of boxes) assert.match(box, /type="checkbox" disabled/)
    assert.deepStrictEqual(
      boxes.map((box) => box.includes("checked")),
      [false, true, true],
    )
    assert.include(html, "plain [x]")
    assert.include(html, "<p>[x] text</p>")
    assert.notInclude(Markdown.toHtml("<input name=password type=text>"), "<input")
  })

  it("footnotes that lead there and back", () => {
    const html = Markdown.toHtml("a[^1] b[^long] c[^1]\n\n[^1]: one\n[^long]: two\n")
    const ids = [...html.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id)
    const links = [...html.matchAll(/ href="#([^"]*)"/g)].map(([, id]) => id)
    assert.lengthOf(links, 6)
    assert.includeMembers(ids, links)
    assert.notInclude(html, "[^")
  })

  it("columns with their alignment, without style attributes", () => {
    const html = Markdown.toHtml("| L | R | C | D |\n| :-- | --: | :-: | --- |\n| a | b | c | d |")
    for (const tag of ["th", "td"]) {
      const aligns = [...html.matchAll(new RegExp(`<${tag}(?: align="(\\w+)")?>`, "g"))]
      assert.deepStrictEqual(
        aligns.map(([, align]) => align),
        ["left", "right", "center", undefined],
      )
    }
    assert.notInclude(html, "style")
  })

  it.each([
    "---\ntitle: T\ndate: 2026-01-01\ntags:\n- a\n- b\ndescription: >\n  long\n---\n# Hi\n",
    "---\r\ntitle: T\r\n---\r\n# Hi\r\n",
    "---\n# comment\ntitle: T\n...\n# Hi",
    "+++\ntitle = 'T'\n+++\n# Hi",
    "---\n---\n# Hi",
  ])("the front matter of %j apart from the text", (text) => {
    const html = Markdown.toHtml(text)
    assert.deepStrictEqual(
      [...html.matchAll(/<h\d[^>]*>(.*?)<\/h\d>/g)].map(([, heading]) => heading),
      ["Hi"],
    )
    assert.strictEqual(html.includes("<details><summary>Front matter"), /title/.test(text))
    assert.notInclude(html, "<hr")
  })

  it.each([
    "---\n\n# Only a line\n\nbody\n",
    "---\n\n# Two lines\n\n---\n\nbody",
    "---\nsome words\n\n---\n\nbody",
    "body\n\n---\ntitle: T\n---\n",
  ])("all of %j, which has no front matter", (text) => {
    const html = Markdown.toHtml(text)
    assert.include(html, "body")
    assert.include(html, "<hr")
    assert.notInclude(html, "<details")
  })
})

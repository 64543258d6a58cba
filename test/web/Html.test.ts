/** The HTML template: whatever is inserted, it stays text, an attribute's value or a style. */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { type Html, html, none, style, toBytes, toText } from "../../src/web/Html.ts"

const entities: Readonly<Record<string, string>> = {
  "&amp;": "&",
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&#39;": "'",
}

const unescaped = (text: string): string =>
  text.replace(/&(?:amp|lt|gt|quot|#39);/g, (entity) => entities[entity] as string)

/** Text out of which nothing can break: no special character is left but in the five escapes. */
const assertContained = (written: string, original: string): void => {
  assert.notMatch(written, /[<>"']/)
  assert.notMatch(written.replace(/&(?:amp|lt|gt|quot|#39);/g, ""), /&/)
  assert.strictEqual(unescaped(written), original)
}

const hostile = Schema.Array(
  Schema.Union([
    Schema.Literals([
      '"',
      "'",
      "<",
      ">",
      "&",
      "=",
      "/",
      "`",
      " ",
      "\0",
      "\n",
      "-->",
      "]]>",
      "</p>",
      "<script>",
      "&lt;",
      "&#39;",
      "&amp",
      "onerror=",
      "${",
      "\u2028",
      "\ud800",
    ]),
    Schema.String,
  ]),
).check(Schema.isMaxLength(12))

describe("html", () => {
  it.prop(
    "lets no text close the element or the attribute that it stands in",
    [hostile, hostile],
    ([a, b]) => {
      const attribute = a.join("")
      const text = b.join("")
      const page = toText(html`<p title="${attribute}">${text}</p>`)
      const prefix = '<p title="'
      assert.isTrue(page.startsWith(prefix) && page.endsWith("</p>"))
      const end = page.indexOf('"', prefix.length)
      assertContained(page.slice(prefix.length, end), attribute)
      assert.strictEqual(page.slice(end, end + 2), '">')
      assertContained(page.slice(end + 2, -"</p>".length), text)
    },
    { arbitrary: { runs: 1000 } },
  )

  it.prop(
    "puts markup in as it is, once, however deep",
    [hostile],
    ([texts]) => {
      const items: ReadonlyArray<Html> = texts.map((text) => html`<li>${text}</li>`)
      const list = toText(html`<ul>${items}</ul>`)
      assert.strictEqual(list, `<ul>${items.map(toText).join("")}</ul>`)
      assert.strictEqual(
        toText(html`<div>${html`${items}`}</div>`),
        `<div>${list.slice(4, -5)}</div>`,
      )
    },
    { arbitrary: { runs: 200 } },
  )

  it("writes numbers, and leaves out undefined", () => {
    assert.strictEqual(toText(html`<b>${1.5}${undefined}${none}${[]}</b>`), "<b>1.5</b>")
    assert.strictEqual(toText(html``), "")
    assert.deepStrictEqual(Buffer.from(toBytes(html`${"é"}`)), Buffer.from("é"))
  })

  it("cannot be given markup as text, or as an object that looks like it", () => {
    const markup = "<b>bold</b>"
    assert.strictEqual(toText(html`${markup}`), "&lt;b&gt;bold&lt;/b&gt;")
    const attempt = () => {
      // @ts-expect-error an object of one's own is no Html
      const forged: Html = { text: markup }
      return toText(html`<i>${forged}</i>`)
    }
    assert.notInclude(attempt(), markup)
    const inList = () => {
      // @ts-expect-error neither is a list of texts
      return toText(html`<i>${[markup]}</i>`)
    }
    assert.notInclude(inList(), markup)
  })

  const v = "x"
  it.each<readonly [string, () => Html]>([
    ["an unquoted attribute", () => html`<a href=${v}>`],
    ["a part of an unquoted attribute", () => html`<a href=x${v}>`],
    ["a single-quoted attribute", () => html`<a href='${v}'>`],
    ["a tag's name", () => html`<${v}>`],
    ["an attribute's name", () => html`<a ${v}="">`],
    ["a place after an attribute", () => html`<a href="x"${v}>`],
    ["a script", () => html`<script>${v}</script>`],
    ["a style", () => html`<style media="all">${v}</style>`],
    ["a comment", () => html`<!-- ${v} -->`],
    ["a tag opened before another value", () => html`<p>${v}</p><a ${v}>`],
  ])("refuses a value in %s", (_, template) => {
    assert.throws(template, TypeError)
    assert.throws(template, TypeError)
  })

  it.each<readonly [string, () => Html]>([
    ["after a style", () => html`<style>a > b {}</style><p>${v}</p>`],
    ["after a comment", () => html`<!-- <a href= --><p>${v}</p>`],
    [
      "in a second attribute",
      () => html`<a class='a' rel=up href="${v}" title="a>b ${v}">${v}</a>`,
    ],
    ["in a title", () => html`<title>${v}</title>`],
  ])("takes a value %s", (_, template) => {
    assert.include(toText(template()), v)
  })
})

describe("style", () => {
  it("rejects a style sheet that could end its element", () => {
    assert.strictEqual(toText(style("a>b{}")), "<style>a>b{}</style>")
    assert.throws(() => style("</style><script>"), TypeError)
  })
})

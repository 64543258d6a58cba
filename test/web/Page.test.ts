/** The frame of all pages, and the assets that it links to. */
import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Assets from "../../src/web/Assets.ts"
import * as Html from "../../src/web/Html.ts"
import * as Logo from "../../src/web/Logo.ts"
import { page } from "../../src/web/Page.ts"
import * as Style from "../../src/web/Style.ts"

describe("the page frame", () => {
  it("links to the style sheet and the logo relative to the page", () => {
    const text = Html.toText(
      page({
        title: "a <b> & c",
        top: "../../",
        heading: Html.html`<h1>x</h1>`,
        main: Html.html`<p>y</p>`,
      }),
    )
    assert.include(text, "<title>a &lt;b&gt; &amp; c</title>")
    assert.include(text, `href="../../${Assets.style.path}"`)
    assert.include(text, `href="../../${Assets.logo.path}"`)
    assert.include(text, `src="../../${Assets.logo.path}"`)
    assert.include(text, '<html lang="en">')
    assert.include(text, 'name="viewport"')
  })
})

describe("the style sheet", () => {
  it("loads nothing and supports dark mode and small screens", () => {
    assert.notMatch(Style.css, /url\(|@import|https?:/)
    assert.include(Style.css, "color-scheme: light dark")
    assert.include(Style.css, "@media print")
    assert.include(Style.css, "max-width")
  })
})

describe("the logo", () => {
  it("is an image without scripts or links", () => {
    assert.match(Logo.svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/)
    assert.notMatch(Logo.svg, /<script|\son\w+=|href/)
  })
})

describe("the assets", () => {
  it("have addresses with a hash of their content", () => {
    const all = [Assets.style, Assets.logo, Assets.script, Assets.theme, Assets.liveScript]
    for (const { bytes, path } of all) {
      const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 16)
      assert.match(path, /^assets\/[a-z]+-[0-9a-f]{16}\.(?:css|js|svg)$/)
      assert.include(path, hash)
    }
    assert.lengthOf(new Set(all.map(({ path }) => path)), all.length)
  })
})

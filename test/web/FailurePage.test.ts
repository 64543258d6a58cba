/**
 * A failure as a page, as problem details and as text, in the words for visitors and for owners.
 */
import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { codes, entry, type VisitorErrorCode } from "../../src/domain/ErrorRegistry.ts"
import type { Failure } from "../../src/domain/Failure.ts"
import * as Headers from "../../src/domain/HeaderList.ts"
import * as FailurePage from "../../src/web/FailurePage.ts"
import { wordsOf } from "../../src/web/failure/Words.ts"
import { asOwner } from "../../src/web/Text.ts"

const visible = codes.filter((code): code is VisitorErrorCode => entry(code).status !== undefined)

const failure: Failure = {
  code: "PTTH_SERVER_OFFLINE",
  status: 503,
  detail: "The server `demo` was last seen 5 minutes ago.",
  retryAfter: 9.2,
}

const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

const show = (what: Failure, accept?: string, context?: FailurePage.FailureContext) => {
  const { status, headers, body, id } = FailurePage.render(what, accept, context)
  return {
    id,
    status,
    field: (name: string) => Headers.first(headers, name),
    text: Buffer.from(body).toString("utf8"),
    length: body.length,
    headers,
  }
}

describe("a failure", () => {
  it.each([
    [undefined, "text/plain; charset=utf-8"],
    ["*/*", "text/plain; charset=utf-8"],
    ["text/*", "text/plain; charset=utf-8"],
    [browser, "text/html; charset=utf-8"],
    ["application/json", "application/problem+json"],
    ["application/problem+json", "application/problem+json"],
    ["application/json, text/plain, */*", "application/problem+json"],
    ["text/html;q=0.5, application/json", "application/problem+json"],
    ["text/html, application/json", "text/html; charset=utf-8"],
    ["text/html;q=0", "text/plain; charset=utf-8"],
  ])("for Accept %j is %s", (accept, type) => {
    const shown = show(failure, accept)
    assert.strictEqual(shown.field("content-type"), type)
    assert.strictEqual(shown.status, 503)
    assert.strictEqual(shown.field("cache-control"), "no-store")
    assert.strictEqual(shown.field("vary"), "Accept")
    assert.strictEqual(shown.field("x-content-type-options"), "nosniff")
    assert.strictEqual(shown.field("retry-after"), "10")
    assert.strictEqual(shown.field("content-length"), String(shown.length))
  })

  it.each(visible)(
    "%s shows its code, what happened and what to do in every media type",
    (code) => {
      const { ownerRemedy, remedy, status, title } = entry(code)
      const what = { code, status: status as number, detail: "This time it rained." }
      for (const accept of [undefined, browser, "application/json"]) {
        const shown = show(what, accept, { site: "Attic" })
        const text = shown.text.replaceAll("&#39;", "'").replaceAll(/<\/?code>/g, "`")
        const isPage = accept === browser
        const words = isPage ? wordsOf(code, "Attic") : undefined
        const detail = entry(code).isDetailPrivate === true ? title : what.detail
        const advice =
          words === undefined ? [remedy, ownerRemedy ?? ""] : [ownerRemedy ?? asOwner(remedy)]
        const parts = [code, title, detail, ...advice]
        for (const part of [...parts, words?.heading ?? "", words?.advice ?? ""]) {
          assert.include(text, part)
        }
        assert.strictEqual(shown.field("x-ptth-code"), code)
        assert.isTrue(shown.text.endsWith("\n"))
        assert.isUndefined(shown.field("retry-after"))
        for (const [name, value] of shown.headers) {
          assert.isTrue(Headers.isName(name) && Headers.isValue(value), `${name}: ${value}`)
        }
      }
    },
  )

  it("starts its text like the original relay", () => {
    assert.match(
      show({ code: "PTTH_UNKNOWN_SERVER", status: 404, detail: "" }).text,
      /^Unknown server/,
    )
    assert.match(
      show({ code: "PTTH_NO_ANSWER", status: 504, detail: "" }).text,
      /^Remote server never responded/,
    )
  })

  it("is problem details with the code and the remedy beside the standard members", () => {
    assert.deepStrictEqual(JSON.parse(show(failure, "application/json").text), {
      type: "urn:ptth:error:PTTH_SERVER_OFFLINE",
      title: "The server is not connected to the relay.",
      status: 503,
      detail: failure.detail,
      code: "PTTH_SERVER_OFFLINE",
      remedy: "Try again in a moment, or ask the server's owner to start it.",
      retryAfter: 9.2,
    })
  })

  it("loads nothing as a page and allows only its own style and script", () => {
    const page = show(failure, browser, { method: "GET", target: "/a/b?c" })
    const hashOf = (element: string, more = ""): string => {
      const text = new RegExp(`<${element}${more}>([^<]*)</${element}>`).exec(
        page.text,
      )?.[1] as string
      return createHash("sha256").update(text).digest("base64")
    }
    assert.strictEqual(
      page.field("content-security-policy"),
      `default-src 'none'; script-src 'sha256-${hashOf("script", ' type="module"')}'; style-src 'sha256-${hashOf("style")}'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    )
    assert.notMatch(page.text, /<script>|<img|src=|style="|url\(/)
    const loaded = [...page.text.matchAll(/<link [^>]*href="([^"]*)"/g)].map(([, href]) => href)
    assert.strictEqual(loaded.length, 1)
    assert.match(loaded[0] as string, /^data:image\/svg\+xml;base64,/)
    assert.isUndefined(show(failure).field("content-security-policy"))
  })

  it.each([
    ["GET", 502, true],
    ["HEAD", 503, true],
    ["GET", 504, true],
    ["POST", 503, false],
    [undefined, 503, false],
    ["GET", 404, false],
    ["GET", 500, false],
  ])("after %s with status %s loads itself again: %s", (method, status, retries) => {
    const { text } = show({ ...failure, status }, browser, method === undefined ? {} : { method })
    assert.strictEqual(text.includes('id="wait" data-seconds="10"'), retries)
    assert.strictEqual(text.includes('<noscript><meta http-equiv="refresh"'), retries)
    assert.strictEqual(text.includes('<a id="again" class="button" href="">'), retries)
  })

  it.each([
    [undefined, 10],
    [0, 5],
    [31.2, 32],
    [9_000, 60],
  ])("waits after Retry-After %s for %s s", (retryAfter, seconds) => {
    const { retryAfter: _, ...rest } = failure
    const what = retryAfter === undefined ? rest : { ...rest, retryAfter }
    assert.include(show(what, browser, { method: "GET" }).text, `data-seconds="${seconds}"`)
  })

  it.each([
    ["/", undefined],
    ["/?a=/b/c", undefined],
    ["/a", "./"],
    ["/a/", "../"],
    ["/a/b?c=/d/", "../"],
    ["//evil.example/a", "../../"],
    ["https://evil.example/", undefined],
  ])("at %s leads to the start page by %s", (target, home) => {
    const { text } = show(failure, browser, { target })
    const nav = /<nav [^>]*>(.*)<\/nav>/.exec(text)?.[1]
    assert.strictEqual(nav, home === undefined ? undefined : `<a href="${home}">Start page</a>`)
  })

  it("names the site in its heading, title and metadata, as text", () => {
    const { text } = show(failure, browser, { site: "A <b> & co", lastSeen: Date.now() - 305_000 })
    const name = "A &lt;b&gt; &amp; co"
    assert.include(text, `<h1>${name} is offline</h1>`)
    assert.include(text, `<title>${name} is offline</title>`)
    assert.include(text, `<meta property="og:site_name" content="${name}">`)
    assert.match(text, /It was last connected <time datetime="[^"]+">5 min ago<\/time>\./)
    const found = show({ ...failure, code: "PTTH_NOT_FOUND" }, browser, { site: "Attic" })
    assert.include(found.text, "<title>There is nothing at this address · Attic</title>")
  })

  it("leads on to where the visitor may want to go", () => {
    const way = { href: "../../", label: 'Nearest folder: "a"/' }
    const { text } = show({ ...failure, code: "PTTH_NOT_FOUND", status: 404 }, browser, { way })
    assert.include(text, '<a href="../../">Nearest folder: &quot;a&quot;/</a>')
  })

  it("has an id, which the page and a field show", () => {
    const page = show(failure, browser)
    assert.match(page.id, /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/)
    assert.strictEqual(page.field("x-request-id"), page.id)
    assert.include(page.text, `<span id="facts">503 PTTH_SERVER_OFFLINE ${page.id}</span>`)
    assert.notStrictEqual(show(failure, browser).id, page.id)
  })

  it("tells strangers nothing of the application behind a server", () => {
    const what: Failure = {
      code: "PTTH_ORIGIN_DOWN",
      status: 502,
      detail: "nothing answers at 192.168.1.7:8123 (ECONNREFUSED)",
    }
    for (const accept of [undefined, browser, "application/json"]) {
      assert.notInclude(show(what, accept, { method: "GET" }).text, "192.168")
    }
  })

  it.each([
    ["there was no answer within 30 s", "There was no answer within 30 s."],
    ["The file cannot be read (EIO).", "The file cannot be read (EIO)."],
    ['no server is called "a"', 'No server is called "a".'],
    ["/etc/x cannot be written (PermissionDenied)", "/etc/x cannot be written (PermissionDenied)."],
  ])(
    "shows the detail %j as a sentence to people, and as it is to programs",
    (detail, sentence) => {
      const lines = show({ ...failure, detail }).text.split("\n")
      assert.strictEqual(lines[1], sentence)
      assert.include(
        show({ ...failure, detail }, browser).text.replaceAll("&quot;", '"'),
        `<p>${sentence}</p>`,
      )
      assert.strictEqual(
        JSON.parse(show({ ...failure, detail }, "application/json").text).detail,
        detail,
      )
    },
  )

  it("tells visitors and owners different things where they can do different things", () => {
    const text = show({ code: "PTTH_BODY_TOO_LARGE", status: 413, detail: "" }).text
    assert.include(text, "Send a smaller body.\nFor the owner: Raise max_body")
  })

  it("does not tell an owner to ask the owner", () => {
    for (const code of visible) assert.notMatch(asOwner(entry(code).remedy), /owner to /)
    const { text } = show(failure, browser, { site: "Attic" })
    assert.include(text, "Try again in a moment, or start it.")
  })

  it("passes on further header fields", () => {
    const shown = show({ ...failure, headers: [["Allow", "GET, HEAD"]] })
    assert.strictEqual(shown.field("allow"), "GET, HEAD")
  })

  it.prop(
    "shows any detail as text",
    [Schema.String],
    ([text]) => {
      const detail = `${text}<script>"'&`
      assert.notInclude(show({ ...failure, detail }, browser).text, "<script>")
      assert.strictEqual(
        (JSON.parse(show({ ...failure, detail }, "application/json").text) as { detail: string })
          .detail,
        detail.toWellFormed(),
      )
    },
    { arbitrary: { runs: 200 } },
  )
})

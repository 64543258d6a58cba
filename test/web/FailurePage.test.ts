import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { codes, entry, type VisitorErrorCode } from "../../src/domain/ErrorRegistry.ts"
import type { Failure } from "../../src/domain/Failure.ts"
import * as Headers from "../../src/domain/HeaderList.ts"
import * as FailurePage from "../../src/web/FailurePage.ts"

const visible = codes.filter((code): code is VisitorErrorCode => entry(code).status !== undefined)

const failure: Failure = {
  code: "PTTH_SERVER_OFFLINE",
  status: 503,
  detail: "The server `demo` was last seen 5 minutes ago.",
  retryAfter: 9.2,
}

const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

const show = (what: Failure, accept?: string) => {
  const { status, headers, body } = FailurePage.render(what, accept)
  return {
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
        const shown = show(what, accept)
        const text = shown.text.replaceAll("&#39;", "'")
        for (const part of [code, title, remedy, what.detail, ownerRemedy ?? ""]) {
          assert.include(text, part)
        }
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

  it("loads nothing as a page and allows only its own style", () => {
    const page = show(failure, browser)
    const css = /<style>([^<]*)<\/style>/.exec(page.text)?.[1] as string
    const hash = createHash("sha256").update(css).digest("base64")
    assert.strictEqual(
      page.field("content-security-policy"),
      `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    )
    assert.notMatch(page.text, /<script|<link|<img|href=|src=|style="|url\(/)
    assert.isUndefined(show(failure).field("content-security-policy"))
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

/**
 * The lines of an access log: that they say what happened, stay one line each
 * whatever a visitor sends, and hold no secrets.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import { withoutSecrets } from "../../../src/domain/SecretNames.ts"
import * as AccessLog from "../../../src/transport/observe/AccessLog.ts"
import { VisitRecord } from "../../../src/transport/observe/VisitRecord.ts"

class Kept extends VisitRecord {
  lines: ReadonlyArray<string> = []

  protected override ended(): void {
    const seen = { at: Date.UTC(2031, 1, 3, 4, 5, 6, 789), address: "192.0.2.7" }
    this.lines = (["json", "common", "combined"] as const).map((format) =>
      AccessLog.line(format, this, seen),
    )
  }
}

const visited = (
  target: string,
  headers: HeaderList,
  happens: (visit: Kept) => void = (visit) => visit.answered(200),
): Kept => {
  const visit = new Kept({ method: "GET", target, headers }, "127.0.0.1", "1.1")
  happens(visit)
  visit.over(true)
  return visit
}

const linesOf = (...args: Parameters<typeof visited>) => {
  const [json = "", common = "", combined = ""] = visited(...args).lines
  return { json, common, combined }
}

const parsed = (line: string): Record<string, unknown> => JSON.parse(line)

describe("a line of the access log", () => {
  it("has the whole record as JSON", () => {
    const { json } = linesOf(
      "/servers/demo/a?b=c",
      [
        ["Host", "relay.example.com"],
        ["User-Agent", "curl/8"],
        ["Referer", "https://example.com/x?token=abc"],
      ],
      (visit) => {
        visit.routed("demo", "/a?b=c")
        visit.offered("stream")
        visit.received(3)
        visit.answered(201)
        visit.sent(5)
      },
    )
    const { ms, tunnel_ms: tunnel, wait_ms: wait, ...rest } = parsed(json)
    assert.deepStrictEqual(rest, {
      time: "2031-02-03T04:05:06.789Z",
      address: "192.0.2.7",
      method: "GET",
      host: "relay.example.com",
      target: "/servers/demo/a?b=c",
      version: "1.1",
      status: 201,
      whole: true,
      server: "demo",
      transport: "stream",
      bytes_in: 3,
      bytes_out: 5,
      referer: "https://example.com/x?token=***",
      user_agent: "curl/8",
    })
    for (const time of [ms, tunnel, wait]) assert.isAtLeast(Number(time), 0)
  })

  it("names the relay, and the one with the link, if there are several", () => {
    const visit = visited("/", [], (one) => {
      one.offered("stream", "m1.2")
      one.answered(200)
    })
    const line = AccessLog.line("json", visit, { at: 0, address: "192.0.2.7", relay: "m1.0" })
    const { hop, relay } = parsed(line)
    assert.deepStrictEqual([relay, hop], ["m1.0", "m1.2"])
    visit.offered("stream")
    assert.notProperty(parsed(AccessLog.line("json", visit, { at: 0, address: "" })), "hop")
  })

  it("has the formats of Apache and Nginx", () => {
    const { combined, common } = linesOf("/a", [["User-Agent", 'x"y\\z']], (visit) => {
      visit.answered(404)
      visit.sent(12)
    })
    assert.strictEqual(
      common,
      '192.0.2.7 - - [03/Feb/2031:04:05:06 +0000] "GET /a HTTP/1.1" 404 12\n',
    )
    assert.strictEqual(combined, `${common.trimEnd()} "-" "x\\x22y\\x5cz"\n`)
  })

  it("has 499 or null if the visitor left, and code and id of our own failures", () => {
    const gone = linesOf("/", [], () => {})
    assert.match(gone.common, /" 499 -\n$/)
    assert.strictEqual(parsed(gone.json).status, null)
    const failed = linesOf("/", [], (visit) => {
      visit.failed("PTTH_NO_ANSWER", "01JD8Q6Z7M4V9C2K5T8XWNRE3A")
      visit.answered(504)
    })
    assert.strictEqual(parsed(failed.json).code, "PTTH_NO_ANSWER")
    assert.strictEqual(parsed(failed.json).request_id, "01JD8Q6Z7M4V9C2K5T8XWNRE3A")
  })

  it("has no keys, cookies and passwords", () => {
    const lines = visited("http://user:hush@relay/x?api_key=hush&a=1&Token=hush;%74oken=hush", [
      ["X-ApiKey", "hush"],
      ["Cookie", "session=hush"],
      ["Authorization", "Basic hush"],
      ["Proxy-Authorization", "hush"],
      ["X-Auth-Token", "hush"],
      ["Referer", "https://user:hush@example.com/?code=hush#a"],
    ]).lines
    for (const line of lines) assert.notInclude(line, "hush")
    assert.include(lines[1], "/x?api_key=***&a=1&Token=***;%74oken=*** HTTP/1.1")
  })

  it("has no tokens of share links", () => {
    const link = `/servers/a/share/eyJwIjpb.${"x".repeat(43)}/a.txt`
    const lines = visited(`${link}?view`, [["Referer", `https://example.com${link}`]]).lines
    for (const line of lines) assert.notInclude(line, "eyJwIjpb")
    assert.include(lines[1], "/servers/a/share/***/a.txt?view HTTP/1.1")
  })

  it("does not change addresses without secrets", () => {
    for (const target of ["/", "/a?b=c&d", "/a?key2=x&monkey=y&author", "/?", "/a?b=%zz&=x&&c="])
      assert.strictEqual(withoutSecrets(target), target)
  })

  it.prop(
    "stays one line without control characters, whatever a visitor sends",
    [Schema.String, Schema.String, Schema.String],
    ([target, agent, referer]) => {
      const { lines } = visited(`/${target}`, [
        ["User-Agent", agent],
        ["Referer", referer],
        ["Host", agent],
      ])
      for (const line of lines) assert.match(line, /^[^\x00-\x1f\x7f-\x9f\u2028\u2029]+\n$/)
      const json = parsed(lines[0] ?? "")
      assert.strictEqual(json.user_agent, agent)
      const quotes = (lines[2] ?? "").match(/"[^"\\]*(?:\\x[0-9a-f]{2}[^"\\]*)*"/g)
      assert.strictEqual(quotes?.length, 3)
    },
  )
})

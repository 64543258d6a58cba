/**
 * Requests as lines of a terminal.
 */
import { assert, describe, it } from "@effect/vitest"
import { AssetFold } from "../../../src/cli/terminal/AssetFold.ts"
import * as RequestLine from "../../../src/cli/terminal/RequestLine.ts"
import { WatchedRequest } from "../../../src/cli/terminal/WatchedRequest.ts"
import { type TerminalStyle, widthOf } from "../../../src/cli/text/TerminalStyle.ts"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"

const plain: TerminalStyle = { hasColors: false, hasUnicode: true, canMove: true }
const ascii: TerminalStyle = { ...plain, hasUnicode: false }
const colored: TerminalStyle = { ...plain, hasColors: true }

const at = new Date(2026, 0, 31, 12, 4, 31).getTime()

const request = (target: string, method = "GET", headers: HeaderList = []): WatchedRequest =>
  new WatchedRequest({ method, target, headers }, undefined, at, () => {})

/** A request that has ended, with times that are the same on every machine. */
const ended = (target: string, status: number | undefined, bytes = 4100): WatchedRequest => {
  const one = request(target)
  if (status !== undefined) one.answered(status)
  one.sent(bytes)
  one.over(status !== undefined)
  one.endedAt = one.startedAt + 18
  return one
}

describe("the line of a request that has ended", () => {
  it("has time, method, status, duration, size and path", () => {
    assert.strictEqual(
      RequestLine.ended(ended("/files/Photos/", 200), plain, 80),
      " 12:04:31  GET   200    18 ms   4.1 kB  /files/Photos/",
    )
  })

  it("has the name before the path, where there are several", () => {
    const one = ended("/files/", 200)
    one.server = "attic"
    assert.match(RequestLine.ended(one, plain, 80, true), / {2}attic {2}\/files\/$/)
    assert.match(RequestLine.ended(one, plain, 80), / kB {2}\/files\/$/)
  })

  it.each([
    [100, " 12:04:31  GET   200    18 ms   4.1 kB  /a"],
    [59, " 12:04:31  GET   200    18 ms  /a"],
    [49, " GET   200    18 ms  /a"],
    [35, " GET   200  /a"],
  ])("leaves out columns in %s columns", (width, line) => {
    assert.strictEqual(RequestLine.ended(ended("/a", 200), plain, width), line)
  })

  it.each([20, 30, 40, 59, 60, 80, 120])("is never wider than %s columns", (width) => {
    for (const style of [plain, ascii, colored]) {
      const long = ended(`/${"abcdefghij/".repeat(40)}end.txt`, 200)
      const failed = ended(`/${"abcdefghij/".repeat(40)}`, 502)
      failed.detail = "nothing answers at localhost:3000 (ECONNREFUSED)"
      failed.code = "PTTH_ORIGIN_DOWN"
      for (const one of [long, failed]) {
        assert.isAtMost(widthOf(RequestLine.ended(one, style, width)), width)
        assert.isAtMost(widthOf(RequestLine.running(one, 5_000, style, width)), width)
      }
    }
  })

  it("cuts a path in its middle", () => {
    const line = RequestLine.ended(ended(`/${"x".repeat(100)}/end.txt`, 200), plain, 60)
    assert.match(line, / {2}\/x+…x*\/end\.txt$/)
    const inAscii = RequestLine.ended(ended(`/${"x".repeat(100)}/end.txt`, 200), ascii, 60)
    assert.match(inAscii, /^[\x20-\x7e]+$/)
    assert.include(inAscii, "...")
  })

  it("says what went wrong", () => {
    const failed = ended("/api", 502)
    failed.failed("PTTH_ORIGIN_DOWN", "id")
    failed.detail = "nothing answers at localhost:3000"
    assert.match(
      RequestLine.ended(failed, plain, 100),
      / {2}\/api {3}nothing answers at localhost:3000$/,
    )
    assert.match(
      RequestLine.ended(ended("/slow", undefined), plain, 80),
      / --- .*the visitor left$/,
    )
    const cut = request("/big")
    cut.answered(200)
    cut.over(false)
    assert.match(RequestLine.ended(cut, plain, 80), / {2}\/big {3}broken off$/)
  })

  it("has no secrets of addresses, and nothing that controls the terminal", () => {
    const line = RequestLine.ended(ended("/a?token=abcdef&b=\u001b[2J\u202e", 200), plain, 100)
    assert.include(line, "/a?token=***&b=?[2J?")
  })

  it.each([
    [204, 32],
    [304, 2],
    [404, 33],
    [500, 31],
  ])("shows status %s in its colour", (status, number) => {
    assert.include(
      RequestLine.ended(ended("/a", status), colored, 80),
      `\u001b[${number}m${status}\u001b[0m`,
    )
  })
})

describe("the line of a request that runs", () => {
  it("says how far a download is, and how fast", () => {
    const one = request("/files/video.mp4")
    one.answered(206)
    one.length = 1000_000
    one.sent(610_000)
    assert.strictEqual(
      RequestLine.running(one, 10_000, plain, 100),
      " 12:04:31  GET   206  ▓▓▓▓░░░░ 61 %  610 kB  61 kB/s  /files/video.mp4",
    )
    assert.include(RequestLine.running(one, 10_000, ascii, 100), "[####....] 61 %")
  })

  it("says the same of an upload, of what it does not know the length of, and of what has nothing yet", () => {
    const upload = new WatchedRequest(
      { method: "PUT", target: "/u", headers: [] },
      2_000,
      at,
      () => {},
    )
    upload.received(500)
    assert.include(RequestLine.running(upload, 1_000, plain, 100), "25 %  500 B  500 B/s  /u")
    const events = request("/events")
    events.answered(200)
    events.sent(2_000)
    assert.include(RequestLine.running(events, 2_000, plain, 100), "200  2.0 kB  1.0 kB/s  /events")
    assert.include(RequestLine.running(request("/slow"), 3_400, plain, 100), "---  3.4 s  /slow")
  })
})

describe("what a page loads", () => {
  const asset = (target: string, headers: HeaderList, status = 200): WatchedRequest => {
    const one = request(target, "GET", headers)
    one.answered(status)
    one.sent(1_000)
    one.over(true)
    return one
  }

  it.each<[string, HeaderList, boolean]>([
    ["/a.css", [["Sec-Fetch-Dest", "style"]], true],
    ["/photo.jpg", [["Sec-Fetch-Dest", "document"]], false],
    ["/photo.jpg", [["Referer", "http://a/"]], true],
    ["/photo.jpg", [], false],
    ["/page", [["Referer", "http://a/"]], false],
  ])("is folded: %s with %j: %s", (target, headers, isFolded) => {
    assert.strictEqual(new AssetFold().take(asset(target, headers)), isFolded)
  })

  it("is counted in one line, except for failures", () => {
    const fold = new AssetFold()
    const style: HeaderList = [["Sec-Fetch-Dest", "style"]]
    assert.isTrue(fold.take(asset("/a.css", style)))
    assert.strictEqual(fold.line, "+ 1 asset  1.0 kB")
    assert.isTrue(fold.take(asset("/b.css", style)))
    assert.isFalse(fold.take(asset("/c.css", style, 404)))
    assert.strictEqual(fold.unfold(), "+ 2 assets  2.0 kB")
    assert.isUndefined(fold.unfold())
  })
})

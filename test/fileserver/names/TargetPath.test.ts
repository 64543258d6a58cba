import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as TargetPath from "../../../src/fileserver/names/TargetPath.ts"

const pieces = [".", "/", "\\", "%", "2e", "2f", "5c", "00", "x"] as const

const root = "/srv/root"

/** Whether what a decoded target names is inside the root, as `node:path` sees it. */
const staysInside = (target: string): boolean => {
  const decoded = TargetPath.decode(target)
  if (decoded._tag === "Refusal") return true
  const resolved = path.posix.resolve(root, ...decoded.segments)
  return (
    (resolved === root || resolved.startsWith(`${root}/`)) &&
    resolved === [root, ...decoded.segments].join("/") &&
    !resolved.includes("\0") &&
    !decoded.segments.some((segment) => segment.startsWith("."))
  )
}

describe("TargetPath", () => {
  it.each([
    ["/", [], true, undefined],
    ["/files", ["files"], false, undefined],
    ["/files/", ["files"], true, undefined],
    ["/files/a%20b/c.txt", ["files", "a b", "c.txt"], false, undefined],
    ["/files/a%23b%3Fc%2541.txt", ["files", "a#b?c%41.txt"], false, undefined],
    ["/files/%66oo?json", ["files", "foo"], false, "json"],
    ["/files/?a?b", ["files"], true, "a?b"],
    ["/files/?q=a\\b", ["files"], true, "q=a\\b"],
    ["/files/%5C", ["files", "\\"], false, undefined],
    ["/files/%FF\xe9", ["files", "\xff\xe9"], false, undefined],
    ["/files/a%0ab", ["files", "a\nb"], false, undefined],
    ["/files/%252e%252e/x", ["files", "%2e%2e", "x"], false, undefined],
    ["/files/./x", ["files", "x"], false, undefined],
    ["/files/%2e/x", ["files", "x"], false, undefined],
    ["/files/x/.", ["files", "x"], true, undefined],
    ["/files/x/%2E", ["files", "x"], true, undefined],
    ["//", [], true, undefined],
    ["/.", [], true, undefined],
    ["//files", ["files"], false, undefined],
    ["/files//etc/passwd", ["files", "etc", "passwd"], false, undefined],
    ["/files/a//", ["files", "a"], true, undefined],
    ["/files/a..b/x...", ["files", "a..b", "x..."], false, undefined],
  ])("decodes %s once", (target, segments, folder, query) => {
    assert.deepStrictEqual(TargetPath.decode(target), { _tag: "Path", segments, folder, query })
  })

  it.each([
    ["", 400],
    ["files", 400],
    ["*", 400],
    ["/a b", 400],
    ["/a#b", 400],
    ["/?a#b", 400],
    ["/a\u0100", 400],
    ["/a\r\nb", 400],
    ["/\\evil.example", 400],
    ["/files\\..\\x", 400],
    ["/%", 400],
    ["/%2", 400],
    ["/%zz", 400],
    ["/%%32%65", 400],
    ["/files/..", 400],
    ["/files/../x", 400],
    ["/files/./../x", 400],
    ["/files//../x", 400],
    ["//../x", 400],
    ["/files/%2e%2E/x", 400],
    ["/files/.%2e", 400],
    ["/%2Fetc%2Fpasswd", 400],
    ["/files/%2Fetc/passwd", 400],
    ["/files/..%2f..", 400],
    ["/files/a%00.txt", 400],
    ["/files/.git/config", 404],
    ["/files/%2ehidden", 404],
    ["/files/...", 404],
  ])("refuses %j with %i", (target, status) => {
    const decoded = TargetPath.decode(target)
    assert.strictEqual(decoded._tag === "Refusal" ? decoded.status : 200, status)
  })

  it.each([
    "/files/ptth.toml::$DATA",
    "/files/C:",
    "/files/CON",
    "/files/nul.txt",
    "/files/COM1.log",
    "/files/TLS~1.PEM",
    "/files/a%5Cb",
    "/files/ptth.toml.",
    "/files/ptth.toml%20",
    "/files/a%3Cb",
  ])("refuses %s under Windows' rules only", (target) => {
    assert.strictEqual(TargetPath.decode(target, true)._tag, "Refusal")
    assert.strictEqual(TargetPath.decode(target, false)._tag, "Path")
  })

  it("rejects every sequence of up to five hostile pieces that leaves the root", () => {
    let tried = 0
    const extend = (target: string, depth: number): void => {
      tried++
      assert.isTrue(staysInside(target), target)
      if (depth > 0) for (const piece of pieces) extend(target + piece, depth - 1)
    }
    extend("/", 5)
    extend("/files/", 4)
    assert.isAbove(tried, 60_000)
  })

  it.prop(
    "lets no long sequence of hostile pieces out of the root",
    [Schema.Array(Schema.Literals(pieces)).check(Schema.isMaxLength(40))],
    ([sequence]) => {
      assert.isTrue(staysInside(`/${sequence.join("")}`))
    },
    { arbitrary: { runs: 2000 } },
  )

  it.prop(
    "never throws, whatever the target is",
    [Schema.String],
    ([text]) => {
      assert.isTrue(staysInside(text))
      assert.isTrue(staysInside(`/${text}`))
    },
    { arbitrary: { runs: 500 } },
  )
})

import { assert, describe, it } from "@effect/vitest"
import * as AddressSyntax from "../../../src/protocol/address/AddressSyntax.ts"

const move: AddressSyntax.Move = (text) => (text.startsWith("/") ? `/p${text}` : text)

/** That values become others, and that a second list stays as it is. */
const moves = (
  syntax: AddressSyntax.AddressSyntax,
  changed: ReadonlyArray<readonly [from: string, to: string]>,
  same: ReadonlyArray<string>,
): void => {
  for (const [from, to] of changed) assert.strictEqual(syntax(from, move), to, from)
  for (const value of same) assert.strictEqual(syntax(value, move), value)
}

describe("the references are replaced and nothing else", () => {
  it("in Refresh, in every form that browsers read", () => {
    moves(
      AddressSyntax.refresh,
      [
        ["0;url=/x", "0;url=/p/x"],
        ["0; URL = /x?a=1;b", "0; URL = /p/x?a=1;b"],
        ['5;url="/x"', '5;url="/p/x"'],
        ["5; url='/x' trailing", "5; url='/p/x' trailing"],
        ["1.5,/x", "1.5,/p/x"],
        ["1 /x", "1 /p/x"],
        ['0; "/x"', '0; "/p/x"'],
        ["; url=/x", "; url=/p/x"],
        ['0;url="/x', '0;url="/p/x'],
      ],
      ["5", "0;", "0; url=", "0; url=x", "3; ./x", "never"],
    )
  })

  it("in Link: targets and anchors, but not what is in quotes", () => {
    moves(
      AddressSyntax.links,
      [
        ["</a>", "</p/a>"],
        [
          '</a>; rel="next"; title="see, </b>; \\"</c>", </d>;rel=x',
          '</p/a>; rel="next"; title="see, </b>; \\"</c>", </p/d>;rel=x',
        ],
        ['<x>; rel=a; Anchor = "/b"', '<x>; rel=a; Anchor = "/p/b"'],
        ["<x>; anchor=/b; rel=a", '<x>; anchor="/p/b"; rel=a'],
        ["</a,b>, </c;d>", "</p/a,b>, </p/c;d>"],
        [
          '<x>; rel=preload; imagesrcset="/a.jpg 1x, /b.jpg 2x,c.jpg 3x"; as=image',
          '<x>; rel=preload; imagesrcset="/p/a.jpg 1x, /p/b.jpg 2x,c.jpg 3x"; as=image',
        ],
      ],
      ['<a>; title="; anchor=/b"', "</a", '<a>; title="</b>', '<a>; x="\\', "</a; rel=next", ""],
    )
  })

  it("in HX-Location, as a reference or in JSON", () => {
    moves(
      AddressSyntax.htmxLocation,
      [
        ["/x", "/p/x"],
        [
          '{"path":"/x", "target":"#a", "values":{"path":"/y"}, "push":"/z"}',
          '{"path":"/p/x","target":"#a","values":{"path":"/y"},"push":"/p/z"}',
        ],
      ],
      ['{"path":"x"}', '{"path": 1}', '{"path":"/x"', "{}", "x"],
    )
  })

  it("in Set-Cookie: Path, without Domain", () => {
    moves(
      AddressSyntax.cookie,
      [
        ["a=/b; path=/x; Secure", "a=/b; Path=/p/x; Secure"],
        ["a=1; Domain=example; PATH = /; HttpOnly", "a=1; Path=/p/; HttpOnly"],
      ],
      ["path=/x", "a=1; Path=x", "a=1; Path", "__Host-a=1; Path=/; Secure"],
    )
  })

  it("in If: the resources before lists, but no tokens and tags", () => {
    moves(
      AddressSyntax.taggedLists,
      [
        [
          '</a> (<urn:x> ["</b>"]) (Not </c>) </d>(["e)"])',
          '</p/a> (<urn:x> ["</b>"]) (Not </c>) </p/d>(["e)"])',
        ],
      ],
      ["(<urn:x>)", "</a", "</a> (", "</a> x (<b>)", ""],
    )
  })

  it("in Upload-Concat: the uploads of a final one", () => {
    moves(
      AddressSyntax.concatenation,
      [
        ["final;/files/a /files/b", "final;/p/files/a /p/files/b"],
        ["final; /a x/b", "final; /p/a x/b"],
      ],
      ["partial", "final;", "final;a b", "/a"],
    )
  })

  it("in the strings of structured fields, or of one of their members", () => {
    moves(
      AddressSyntax.strings,
      [
        ['"/a", "/b";x=1', '"/p/a", "/p/b";x=1'],
        [
          'main="https://r.example/x", default="/reports"',
          'main="https://r.example/x", default="/p/reports"',
        ],
      ],
      ['"a"', "/a", '"/a', ""],
    )
    moves(
      AddressSyntax.dictionaryMatch,
      [
        [
          'match="/app/*/main.js", match-dest=("script")',
          'match="/p/app/*/main.js", match-dest=("script")',
        ],
      ],
      ['id="match=\\"/a\\"", match="x*"', 'rematch="/a"', 'match-dest=("/a")', 'id=" match="'],
    )
  })

  it("in Content-Security-Policy: where violations are reported", () => {
    moves(
      AddressSyntax.policies,
      [
        [
          "default-src 'self'; report-uri /csp /b; x",
          "default-src 'self'; report-uri /p/csp /p/b; x",
        ],
        ["x, REPORT-URI /csp", "x, REPORT-URI /p/csp"],
      ],
      ["report-uri", "default-src /a", "x-report-uri /a", ""],
    )
  })

  it("in WWW-Authenticate: addresses, but no names", () => {
    const absolute: AddressSyntax.Move = (text) => text.replace("http://app", "http://relay/p")
    moves(
      AddressSyntax.challenges,
      [
        [
          'Digest realm="/a", domain="/b /c", nonce="/d"',
          'Digest realm="/a", domain="/p/b /p/c", nonce="/d"',
        ],
        [
          'Basic realm="x", Bearer resource_metadata="/.well-known/r"',
          'Basic realm="x", Bearer resource_metadata="/p/.well-known/r"',
        ],
      ],
      [
        'Basic realm="/a"',
        'Bearer realm="/a"',
        'Basic realm="domain=", x="/a"',
        'Basic realm="domain=\\"/a\\""',
      ],
    )
    assert.strictEqual(
      AddressSyntax.challenges('Bearer realm="http://app/token",service="http://app"', absolute),
      'Bearer realm="http://relay/p/token",service="http://app"',
    )
  })

  it("in time that grows with the length of the value only", () => {
    // The largest head of a response. With the square of it this would take minutes.
    const length = 256 * 1024
    const { challenges, concatenation, dictionaryMatch, links, policies, refresh, strings } =
      AddressSyntax
    for (const syntax of [
      ...[AddressSyntax.taggedLists, challenges, concatenation, dictionaryMatch],
      ...[links, policies, refresh, strings],
    ]) {
      for (const part of [
        "bearer ",
        "; ",
        "report-uri ",
        ";report-uri",
        'domain="',
        "match=",
        "<",
        '"',
        '"\\',
        "; anchor=",
        "(",
        "(<",
        " ",
        "0",
        '<"',
        "\\",
        '\\"',
        "(x",
      ]) {
        const value = part.repeat(length / part.length)
        let calls = 0
        const moved = syntax(value, (text) => {
          calls += 1
          return text
        })
        assert.strictEqual(moved, value)
        assert.isAtMost(calls, length)
      }
    }
  })
})

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

  it("in time that grows with the length of the value only", () => {
    const length = 64 * 1024
    for (const syntax of [AddressSyntax.links, AddressSyntax.refresh, AddressSyntax.taggedLists]) {
      for (const part of ["<", '"', '"\\', "; anchor=", "(", "(<", " ", "0", '<"', "\\", "(x"]) {
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

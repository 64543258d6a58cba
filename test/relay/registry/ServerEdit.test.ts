/**
 * Changes of a server's table in a file of `servers.d`: what they change, and
 * what they leave as it is.
 */
import { assert, describe, it } from "@effect/vitest"
import { parse } from "smol-toml"
import { tripcodeOfText } from "../../../src/domain/ApiKey.ts"
import * as Approval from "../../../src/relay/registry/Approval.ts"
import * as ServerEdit from "../../../src/relay/registry/ServerEdit.ts"

const [old, fresh] = [tripcodeOfText("old"), tripcodeOfText("fresh")]

const two = `# Our servers.

[[servers]] # the first
name = "attic"   # upstairs
tripcode = [
  "${old}", # Ann's
]
inspect = true

[servers.auth]
tokens = ["${fresh}"]

[[servers]]
name = 'cellar'
tripcode = "${old}"
`

const edit = (change: ServerEdit.ServerChange, name = "attic", text = two) =>
  ServerEdit.edit(text, name, change)

describe("a change of a server", () => {
  it("changes the lines that it is about, and no comment", () => {
    assert.strictEqual(
      edit({ kind: "rename", to: "loft" }),
      two.replace('name = "attic"   # upstairs', 'name = "loft"   # upstairs'),
    )
    assert.strictEqual(
      edit({ kind: "rename", to: "loft" }, "cellar"),
      two.replace("name = 'cellar'", 'name = "loft"'),
    )
    assert.strictEqual(
      edit({ kind: "pause" }),
      two.replace("]\ninspect", "]\npaused = true\ninspect"),
    )
    assert.strictEqual(edit({ kind: "resume" }, "attic", edit({ kind: "pause" }) ?? ""), two)
  })

  it("writes one key as a text, and several as a list", () => {
    const both = edit({ kind: "keys", tripcodes: [old, fresh] }, "cellar") ?? ""
    assert.include(both, `name = 'cellar'\ntripcode = ["${old}", "${fresh}"]\n`)
    assert.strictEqual(
      edit({ kind: "keys", tripcodes: [fresh] }, "cellar", both),
      two.replace(`'cellar'\ntripcode = "${old}"`, `'cellar'\ntripcode = "${fresh}"`),
    )
  })

  it("removes a table with the tables below it, and nothing else", () => {
    assert.strictEqual(
      edit({ kind: "remove" }),
      `# Our servers.\n\n[[servers]]\nname = 'cellar'\ntripcode = "${old}"\n`,
    )
    assert.strictEqual(edit({ kind: "remove" }, "attic", Approval.toToml("attic", old)), "")
  })

  it("understands a pause that is written as false", () => {
    const text = `${Approval.toToml("attic", old)}paused = false # for now\n`
    const paused = edit({ kind: "pause" }, "attic", text)
    assert.strictEqual(paused, text.replace("false", "true"))
  })

  it.each([
    ["an inline table", `servers = [{ name = "attic", tripcode = "${old}" }]\n`],
    ["another server", Approval.toToml("cellar", old)],
    ["no TOML", "[[servers]\n"],
  ])("changes nothing in %s", (_, text) => {
    assert.isUndefined(edit({ kind: "pause" }, "attic", text))
  })

  it("is not misled by what a text between three quotes contains", () => {
    const text = `${Approval.toToml("attic", old)}display_name = """
[[servers]]
name = "attic"
"""
${Approval.toToml("cellar", old)}`
    const removed = edit({ kind: "remove" }, "attic", text)
    assert.isTrue(
      removed === undefined || (parse(removed) as { servers: Array<unknown> }).servers.length === 1,
    )
  })
})

describe("the comparison of two texts", () => {
  it("has the lines that are removed before those that are added", () => {
    const after = edit({ kind: "rename", to: "loft" }) ?? ""
    const lines = ServerEdit.diff(two, after)
    assert.deepStrictEqual(
      lines.filter(({ kind }) => kind !== "same"),
      [
        { kind: "removed", text: 'name = "attic"   # upstairs' },
        { kind: "added", text: 'name = "loft"   # upstairs' },
      ],
    )
    const without = (kind: string) =>
      lines.filter((line) => line.kind !== kind).map(({ text }) => `${text}\n`)
    assert.strictEqual(without("added").join(""), two)
    assert.strictEqual(without("removed").join(""), after)
  })

  it("of a file that is removed is all of it", () => {
    assert.deepStrictEqual(ServerEdit.diff("a\nb\n", ""), [
      { kind: "removed", text: "a" },
      { kind: "removed", text: "b" },
    ])
  })
})

import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as CommaList from "../../../src/domain/text/CommaList.ts"

describe("a list with commas", () => {
  it.each<readonly [string, ReadonlyArray<string>]>([
    ["", []],
    [" , ,", []],
    ["a", ["a"]],
    ["*.bak, private/** ,", ["*.bak", "private/**"]],
    ["*.{a,b},c", ["*.{a,b}", "c"]],
    ["{a,{b,c}}x,d", ["{a,{b,c}}x", "d"]],
    ["[a,b]*,c", ["[a,b]*", "c"]],
    ["{[},],b},c", ["{[},],b}", "c"]],
    ["a\\,b,c", ["a,b", "c"]],
    ["{a\\},b},c", ["{a\\},b}", "c"]],
    ["a{b,c", ["a{b", "c"]],
    ["a[b,c", ["a[b", "c"]],
    ["a},b]", ["a}", "b]"]],
    ["\\{a,b\\}", ["\\{a", "b\\}"]],
    ["a\\", ["a\\"]],
  ])("%s is read as %j", (text, expected) => {
    assert.deepStrictEqual(CommaList.split(text), expected)
  })

  it.prop(
    "has every text again whose commas have a backslash",
    [Schema.Array(Schema.String.check(Schema.isPattern(/^[a-z.,/*]{1,8}$/)))],
    ([texts]) => {
      const line = texts.map((text) => text.replaceAll(",", "\\,")).join(", ")
      assert.deepStrictEqual(CommaList.split(line), texts)
    },
  )
})

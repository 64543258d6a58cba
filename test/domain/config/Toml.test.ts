/**
 * Keys are found on the line they stand on, and syntax errors name place and
 * remedy without showing values.
 */
import { assert, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { stringify } from "smol-toml"
import type { ConfigProblem } from "../../../src/domain/config/ConfigError.ts"
import * as Toml from "../../../src/domain/config/Toml.ts"

const document = (text: string): Toml.Document =>
  Result.getOrThrow(Toml.parse(text, { file: "x.toml" }))

const problem = (text: string, printable: ReadonlyArray<string> = []): ConfigProblem => {
  const parsed = Toml.parse(text, { file: "x.toml", printable: new Set(printable) })
  assert.isTrue(Result.isFailure(parsed))
  return Result.isFailure(parsed) ? parsed.failure.problems[0] : assert.fail("it was read")
}

it("every kind of key has its line and column", () => {
  const text = [
    "# a comment with key = 1",
    'plain = "a # b = c"',
    "",
    'list = [ "x", # y = 1',
    '  "z" ]',
    "  dotted.key = 1",
    '"quoted = \\"key\\"" = 2',
    "long = '''",
    "inner = 1",
    "'''",
    "inline = { a = 1, b = { c = [ { d = 2 } ] } }",
    "[table]",
    'k = "v"',
    "[[many]]",
    "n = 1",
    "[many.sub]",
    "s = 1",
    "[[many]]",
    "  n = 2",
    "[[many.deep]]",
    "m = 3",
  ].join("\r\n")
  const { position } = document(text)
  const at = (line: number, column: number) => ({ line, column })
  assert.deepStrictEqual(position(["plain"]), at(2, 1))
  assert.deepStrictEqual(position(["list"]), at(4, 1))
  assert.deepStrictEqual(position(["list", 1]), at(5, 3))
  assert.deepStrictEqual(position(["dotted"]), at(6, 3))
  assert.deepStrictEqual(position(["dotted", "key"]), at(6, 3))
  assert.deepStrictEqual(position(['quoted = "key"']), at(7, 1))
  assert.deepStrictEqual(position(["long"]), at(8, 1))
  assert.isUndefined(position(["inner"]))
  assert.deepStrictEqual(position(["inline", "a"]), at(11, 12))
  assert.deepStrictEqual(position(["inline", "b", "c", 0, "d"])?.line, 11)
  assert.deepStrictEqual(position(["table"]), at(12, 1))
  assert.deepStrictEqual(position(["table", "k"]), at(13, 1))
  assert.deepStrictEqual(position(["many"]), at(14, 1))
  assert.deepStrictEqual(position(["many", 0, "n"]), at(15, 1))
  assert.deepStrictEqual(position(["many", 0, "sub", "s"]), at(17, 1))
  assert.deepStrictEqual(position(["many", 1]), at(18, 1))
  assert.deepStrictEqual(position(["many", 1, "n"]), at(19, 3))
  assert.deepStrictEqual(position(["many", 1, "deep", 0, "m"]), at(21, 1))
})

it("a missing key has the position of its nearest parent", () => {
  const { position } = document('[[servers]]\nname = "a"\n')
  assert.deepStrictEqual(position(["servers", 0, "tripcode"]), { line: 1, column: 1 })
  assert.isUndefined(position(["port"]))
})

const Key = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_ ="'[\].#-]{1,8}$/))
const Text = Schema.String.check(Schema.isPattern(/^[ -~\n\t]{0,12}$/))
const Leaf = Schema.Union([Schema.Int, Schema.Boolean, Text, Schema.Array(Text)])
const Table = Schema.Record(Key, Leaf)
const Whole = Schema.Struct({
  top: Schema.Record(Key, Schema.Union([Leaf, Table])),
  many: Schema.Array(Table),
})

it.prop("in every document that is TOML each key is found where it stands", [Whole], ([whole]) => {
  const text = stringify(whole)
  const lines = text.split("\n")
  const { position } = document(text)
  const expect = (path: Toml.Path): void => {
    const key = String(path[path.length - 1])
    const place = position(path)
    assert.isDefined(place)
    if (place === undefined) return
    const rest = (lines[place.line - 1] ?? "").slice(place.column - 1)
    const isHeader = rest.startsWith("[")
    assert.isTrue(
      isHeader || rest.startsWith(key) || rest.startsWith(JSON.stringify(key)),
      `${JSON.stringify(path)} is not at ${JSON.stringify(rest)}`,
    )
  }
  for (const [key, value] of Object.entries(whole.top)) {
    expect(["top", key])
    if (typeof value === "object" && !Array.isArray(value)) {
      for (const inner of Object.keys(value)) expect(["top", key, inner])
    }
  }
  whole.many.forEach((table, i) => {
    for (const key of Object.keys(table)) expect(["many", i, key])
  })
})

it.prop("any text gives a document or a syntax error", [Schema.String], ([text]) => {
  const parsed = Toml.parse(text, { file: "x.toml" })
  if (Result.isSuccess(parsed)) parsed.success.position(["nothing"])
  else assert.strictEqual(parsed.failure.code, "PTTH_CONFIG_SYNTAX")
})

it.each([
  ["[[servers]\n", "x.toml:1:11", "lacks its second closing bracket", "Write [[servers]]."],
  ["a = 1\n[servers]]\n", "x.toml:2:10", "lacks its second opening bracket", "Write [[servers]]."],
  ["url = https://x", "x.toml:1:7", "`url`", "Put text in double quotes."],
  ["wait = 30 s", "x.toml:1:11", "`wait`", "Put text in double quotes."],
  ['name = "a\nb = 1', "x.toml:1:10", "not closed", "Put a double quote on both sides of it."],
  ["a = 1\na = 2", "x.toml:2:1", "`a` is given a second time", "Keep only one of them."],
  ["[a]\n[a]", "x.toml:2:2", "this table is given a second time", "Keep only one of them."],
])("the syntax error in %j has a place, a reason and a remedy", (text, where, detail, remedy) => {
  const found = problem(text)
  assert.strictEqual(found.code, "PTTH_CONFIG_SYNTAX")
  assert.strictEqual(found.where, where)
  assert.include(found.detail, detail)
  assert.strictEqual(found.remedy, remedy)
})

it("the frame shows the line with a caret under the place", () => {
  assert.strictEqual(problem("\n[[servers]\n").frame, "2 | [[servers]\n  |           ^")
  assert.strictEqual(problem("wait = 30 s", ["wait"]).frame, "1 | wait = 30 s\n  |           ^")
})

it.each([
  'api_key = "topsecret',
  "api_key = topsecret",
  'api_key = """\ntopsecret',
  'api_key = """\nwait = topsecret\n"""x',
  "wait = 3 # topsecret was the key\nx",
  "# api_key = topsecret\u0000",
  'api_key = ["topsecret" "b"]',
  "topsecret",
  'wait = 3x # api_key = "topsecret"',
])("no part of the error of %j shows the value of a key that is not printable", (text) => {
  const found = problem(text, ["wait"])
  assert.notInclude(JSON.stringify(found), "topsecret")
})

it("a file in another encoding is refused, and told which line to look at", () => {
  const latin1 = Buffer.from('a = 1\ntitle = "B\xfccher"\n', "latin1").toString("utf8")
  assert.include(problem(latin1), {
    where: "x.toml:2",
    detail: "there is a character that is not UTF-8",
    remedy: "Save the file as UTF-8.",
  })
  const utf16 = Buffer.from("\ufeffport = 1\n", "utf16le").toString("utf8")
  assert.include(problem(utf16), { where: "x.toml", detail: "it is UTF-16" })
  assert.deepStrictEqual(document('\ufefftitle = "B\u00fccher"').table, { title: "B\u00fccher" })
})

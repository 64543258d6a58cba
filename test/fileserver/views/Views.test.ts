/**
 * What files are shown as: tables, JSON, notebooks, subtitles, and long texts in parts.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as JsonText from "../../../src/fileserver/views/JsonText.ts"
import * as Notebook from "../../../src/fileserver/views/Notebook.ts"
import * as Separated from "../../../src/fileserver/views/Separated.ts"
import * as Subtitles from "../../../src/fileserver/views/Subtitles.ts"
import { servedFolder } from "../../support/servedFolder.ts"

const page = [["Accept", "text/html"]] as const

describe("separated values", () => {
  it.each([
    ["a,b\n1,2\n", ["a", "b"], [["1", "2"]]],
    ["a;b\r\n1;2", ["a", "b"], [["1", "2"]]],
    ["a\tb\n1\t\n", ["a", "b"], [["1", ""]]],
    ['a,b\n"x ""y"", z","l1\nl2"\n', ["a", "b"], [['x "y", z', "l1\nl2"]]],
    ['"a;x",b\n1,2', ["a;x", "b"], [["1", "2"]]],
    ["a\n\n1\n", ["a"], [["1"]]],
    ['a\n"open', ["a"], [["open"]]],
    ["", [], []],
    // A title before the table hides no column, nor does a row that is longer than the first.
    [
      "Report\na;b;c\n1;2,5;3",
      ["Report", "", ""],
      [
        ["a", "b", "c"],
        ["1", "2,5", "3"],
      ],
    ],
    ["a,b\n1,2,3\n", ["a", "b", ""], [["1", "2", "3"]]],
    ['a,b\n"x" y,2\n', ["a", "b"], [["x y", "2"]]],
  ])("of %j are a table", (text, columns, rows) => {
    assert.deepStrictEqual(Separated.parse(text), { columns, rows, isCutShort: false })
  })

  it.effect.prop("keep every field that is quoted", [Schema.Array(Schema.String)], ([fields]) =>
    Effect.sync(() => {
      const row = ["first", ...fields.map((field) => field.toWellFormed())]
      const text = row.map((field) => `"${field.replaceAll('"', '""')}"`).join(",")
      assert.deepStrictEqual(Separated.parse(text).columns, row.slice(0, 100))
    }),
  )

  it("are cut short after 2,000 rows", () => {
    const { isCutShort, rows } = Separated.parse(`a\n${"1\n".repeat(3_000)}`)
    assert.lengthOf(rows, 2_000)
    assert.isTrue(isCutShort)
  })
})

describe("JSON lines", () => {
  it("have a column for each key", () => {
    assert.deepStrictEqual(Separated.parseJsonLines('{"a":1}\n\n{"b":"x","a":[2]}\n'), {
      columns: ["a", "b"],
      rows: [
        ["1", ""],
        ["[2]", "x"],
      ],
      isCutShort: false,
    })
    for (const text of ["", "1\n", "-1.5\n", "[1]\n", '{"a":1}\nno\n']) {
      assert.isUndefined(Separated.parseJsonLines(text))
    }
  })
})

describe("numbers in JSON lines", () => {
  it("stay as they are written, and columns have what is in the lines only", () => {
    const text =
      '{"id":12345678901234567890,"a":[1.0,{"b":1e400}],"__proto__":1}\n{"constructor":2}\n'
    assert.deepStrictEqual(Separated.parseJsonLines(text), {
      columns: ["id", "a", "__proto__", "constructor"],
      rows: [
        ["12345678901234567890", '[1.0,{"b":1e400}]', "1", ""],
        ["", "", "", "2"],
      ],
      isCutShort: false,
    })
  })
})

describe("a file that is made to do harm", () => {
  const deep = "[".repeat(200_000) + "]".repeat(200_000)

  it("takes no time that grows with the square of its size", () => {
    for (const part of ["\n", "<font ", "{\\a", "1", "00:00:00,000 "]) {
      const text = part.repeat(Math.floor(4_000_000 / part.length))
      assert.include(Subtitles.toWebVtt(text), "WEBVTT")
    }
  })

  it("does not exhaust the stack", () => {
    const cell = (source: string): string =>
      `{"cells":[{"cell_type":"code","source":${source},"outputs":[]}]}`
    assert.isDefined(Notebook.toMarkdown(cell(deep), "n.ipynb"))
    assert.isDefined(Notebook.toMarkdown(cell(JSON.stringify("` ".repeat(300_000))), "n.ipynb"))
    assert.isUndefined(Separated.parseJsonLines(`{"a":${deep}}`))
    assert.isDefined(JsonText.indent("[".repeat(5_000) + "]".repeat(5_000)))
  })

  it("is not made a hundred times as long", () => {
    assert.isUndefined(JsonText.indent(deep))
  })
})

describe("JSON", () => {
  it("is indented without changing its numbers and strings", () => {
    assert.strictEqual(
      JsonText.indent('{"a":[1,{"b":"x,{\\"y"}],"n":12345678901234567890,"e":{},"l":[ ]}'),
      `{
  "a": [
    1,
    {
      "b": "x,{\\"y"
    }
  ],
  "n": 12345678901234567890,
  "e": {},
  "l": []
}
`,
    )
    assert.isUndefined(JsonText.indent("{a:1}"))
  })

  it.effect.prop("has the same value afterwards", [Schema.Json], ([value]) =>
    Effect.sync(() => {
      const text = JSON.stringify(value)
      assert.strictEqual(JSON.stringify(JSON.parse(JsonText.indent(text) as string)), text)
    }),
  )
})

describe("a notebook", () => {
  const notebook = JSON.stringify({
    cells: [
      { cell_type: "markdown", source: ["# Title\n", "text"] },
      {
        cell_type: "code",
        execution_count: 3,
        source: "print('```')",
        outputs: [
          { output_type: "stream", text: ["hello\n"] },
          { output_type: "display_data", data: { "image/png": "iVBORw0KGgo=\n" } },
          { output_type: "error", traceback: ["\u001b[31mboom\u001b[0m"] },
          { output_type: "execute_result", data: { "text/html": ["<b>x</b>"], "text/plain": "x" } },
        ],
      },
    ],
    metadata: { language_info: { name: "python" } },
    nbformat: 4,
  })

  it("is shown with its code, texts and pictures", async () => {
    const markdown = Notebook.toMarkdown(notebook, "n.ipynb") as string
    assert.include(markdown, "# Title\ntext")
    assert.include(markdown, "````python\nprint('```')\n````")
    assert.include(markdown, "![Output](n.ipynb?output=0)")
    assert.include(markdown, "boom")
    assert.notInclude(markdown, "\u001b")
    const { get } = await servedFolder({ "n.ipynb": notebook, "bad.ipynb": "{" })
    const { text } = await get("/files/n.ipynb?view", page)
    assert.include(text, '<h1 id="title">Title</h1>')
    assert.include(text, 'src="n.ipynb?output=0"')
    assert.include(text, "<b>x</b>")
    const picture = await get("/files/n.ipynb?output=0")
    assert.strictEqual(picture.header("content-type"), "image/png")
    assert.strictEqual(picture.body.toString("hex"), "89504e470d0a1a0a")
    assert.strictEqual((await get("/files/n.ipynb?output=1")).status, 404)
    assert.include((await get("/files/bad.ipynb?view", page)).text, 'class="lines"')
  })
})

describe("subtitles", () => {
  it("are those with the name of the film", () => {
    const names = [
      "film.vtt",
      "film.en.srt",
      "Film.pt-BR.vtt",
      "other.vtt",
      "film.mp4",
      "film2.srt",
    ]
    assert.deepStrictEqual(
      Subtitles.ofFilm("film.mp4", names).map(({ isSubRip, language, name }) => [
        name,
        language,
        isSubRip,
      ]),
      [
        ["film.vtt", "", false],
        ["film.en.srt", "en", true],
        ["Film.pt-BR.vtt", "pt-BR", false],
      ],
    )
  })

  it("in SubRip are sent as WebVTT", async () => {
    const { get } = await servedFolder({
      "film.mp4": "x",
      "film.srt":
        "1\r\n00:00:01,500 --> 00:00:02,000\r\n<font color=red>Gr\u00fc\u00dfe</font>\r\n",
    })
    assert.include(
      (await get("/files/film.mp4?view", page)).text,
      '<track kind="subtitles" src="film.srt?vtt" srclang="und" label="film.srt" default>',
    )
    const sent = await get("/files/film.srt?vtt")
    assert.strictEqual(sent.header("content-type"), "text/vtt; charset=utf-8")
    assert.strictEqual(sent.text, "WEBVTT\n\n1\n00:00:01.500 --> 00:00:02.000\nGr\u00fc\u00dfe\n\n")
  })
})

describe("a text", () => {
  it("has numbered lines, and is a table or indented where that is easier to read", async () => {
    const { get } = await servedFolder({
      "a.txt": "one\ntwo\nthree",
      "t.csv": "name,size\nx,1\n",
      "d.json": '{"a":1}',
      "empty.txt": "",
    })
    const { text } = await get("/files/a.txt?view", page)
    assert.include(text, '<a id="L3" href="#L3" tabindex="-1">3</a></div>')
    assert.include((await get("/files/t.csv?view", page)).text, "<td>x</td><td>1</td>")
    assert.include((await get("/files/t.csv?view&as=text", page)).text, "name,size\nx,1")
    assert.include((await get("/files/d.json?view", page)).text, 'href="?view&amp;as=text"')
    assert.notInclude((await get("/files/empty.txt?view", page)).text, 'id="L1"')
  })

  it("of any length is shown in parts that together are the text", async () => {
    const lines = Array.from({ length: 90_000 }, (_, i) => `line ${i} of this \u00e9 text`)
    const whole = `${lines.join("\n")}\n`
    const { get } = await servedFolder({
      "big.log": whole,
      "utf16.log": Buffer.from(`\ufeff${whole}`, "utf16le"),
    })
    for (const name of ["big.log", "utf16.log"]) {
      let seen = ""
      for (let part = 1; ; part++) {
        const { text } = await get(`/files/${name}?view&part=${part}`, page)
        const [, content = ""] = /<code id="page\.text">([\s\S]*?)<\/code>/.exec(text) ?? []
        seen += content.replace(/^\ufeff/, "")
        if (!text.includes('rel="next nofollow"')) break
      }
      assert.strictEqual(seen.length, whole.length)
      assert.isTrue(seen === whole)
    }
  })
})

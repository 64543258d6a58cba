/**
 * Metrics as text, read again by a reader of the format that knows nothing of
 * the writer.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as ProcessMetrics from "../../../src/transport/observe/ProcessMetrics.ts"
import { render } from "../../../src/transport/observe/Prometheus.ts"

interface Read {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: string
}

const unescaped = (text: string): string =>
  text.replace(/\\(.)/g, (_, character: string) => (character === "n" ? "\n" : character))

const readLine = (line: string): Read => {
  const [, name = "", , inner = "", value = ""] =
    /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(.*)\})? (\S+)$/s.exec(line) ?? []
  const labels: Record<string, string> = {}
  const rest = inner.replace(
    /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"(?:,|$)/gs,
    (_, label: string, text: string) => {
      labels[label] = unescaped(text)
      return ""
    },
  )
  assert.notStrictEqual(name, "", line)
  assert.strictEqual(rest, "", line)
  return { name, labels, value }
}

const readText = (text: string): ReadonlyArray<Read> =>
  text
    .trimEnd()
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .map(readLine)

describe("metrics as text", () => {
  it("have help, type and each series on its line", () => {
    assert.strictEqual(
      render([
        {
          type: "counter",
          name: "a_total",
          help: "Of A.\nAnd \\ more.",
          samples: [{ value: 3 }, { labels: { x: "1", y: 'q"\\\n' }, value: 0.5 }],
        },
      ]),
      '# HELP a_total Of A.\\nAnd \\\\ more.\n# TYPE a_total counter\na_total 3\na_total{x="1",y="q\\"\\\\\\n"} 0.5\n',
    )
  })

  it("cumulate the buckets of a distribution, up to infinity", () => {
    const text = render([
      {
        type: "histogram",
        name: "h_seconds",
        help: "H.",
        bounds: [0.1, 1],
        samples: [{ labels: { server: "s" }, counts: [2, 0, 1], sum: 7.5 }],
      },
    ])
    assert.deepStrictEqual(
      readText(text).map(({ labels, name, value }) => [name, labels.le, labels.server, value]),
      [
        ["h_seconds_bucket", "0.1", "s", "2"],
        ["h_seconds_bucket", "1", "s", "2"],
        ["h_seconds_bucket", "+Inf", "s", "3"],
        ["h_seconds_sum", undefined, "s", "7.5"],
        ["h_seconds_count", undefined, "s", "3"],
      ],
    )
  })

  it.prop(
    "escape label values, so that each series stays in its line",
    [Schema.String],
    ([text]) => {
      const rendered = render([
        { type: "gauge", name: "g", help: text, samples: [{ labels: { text }, value: -1 }] },
      ])
      assert.strictEqual(rendered.split("\n").length, 4)
      assert.deepStrictEqual(readText(rendered), [{ name: "g", labels: { text }, value: "-1" }])
    },
  )

  it("write NaN and infinity as Prometheus does", () => {
    const samples = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map(
      (value) => ({ value }),
    )
    const rendered = render([{ type: "gauge", name: "g", help: "G.", samples }])
    assert.deepStrictEqual(
      readText(rendered).map(({ value }) => value),
      ["NaN", "+Inf", "-Inf"],
    )
  })

  it("include the process, and the event loop's delay from the second scrape on", () => {
    const first = readText(render(ProcessMetrics.read()))
    const second = readText(render(ProcessMetrics.read()))
    const names = new Set(second.map(({ name }) => name))
    for (const name of [
      "process_cpu_seconds_total",
      "process_resident_memory_bytes",
      "process_start_time_seconds",
      "nodejs_heap_size_used_bytes",
      "nodejs_eventloop_utilization",
      "nodejs_eventloop_lag_seconds",
    ])
      assert.isTrue(names.has(name), name)
    assert.isTrue(
      [...first, ...second].every(({ value }) => Number(value) >= 0 || /v\d/.test(value)),
    )
    assert.isTrue(second.some(({ labels }) => labels.version === process.version))
  })
})

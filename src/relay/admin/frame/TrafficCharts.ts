/**
 * The charts of the traffic of one server or of all: requests, bytes, where the
 * time went, links, and waiting requests; and the same numbers as a table.
 */
import * as Format from "../../../web/Format.ts"
import { type Html, html } from "../../../web/Html.ts"
import { table } from "../../../web/Table.ts"
import { histogramOf, place, type Slot, type SpanName, spanNames } from "../../history/Series.ts"
import { Histogram } from "../../traffic/Histogram.ts"
import * as Chart from "./Chart.ts"
import * as Text from "./Text.ts"

const labels: Readonly<Record<SpanName, readonly [link: string, from: string]>> = {
  hour: ["60 minutes", "60 minutes ago"],
  day: ["24 hours", "24 hours ago"],
  week: ["7 days", "7 days ago"],
}

/** The links to the other spans. */
const spanLinks = (path: string, current: SpanName): Html =>
  html`<nav class="spans" aria-label="Time"><ul>${spanNames.map((name) =>
    name === current
      ? html`<li><a href="${path}?span=${name}" aria-current="true">${labels[name][0]}</a></li>`
      : html`<li><a href="${path}?span=${name}">${labels[name][0]}</a></li>`,
  )}</ul></nav>`

const count = (value: number): string => Math.round(value).toLocaleString("en")

const sum = (values: ReadonlyArray<number>): number => values.reduce((a, b) => a + b, 0)

/** The status classes in the order of the bars; the last two are seldom, and only there if there are any. */
const classes = [
  [2, "2xx", "s2"],
  [3, "3xx", "s3"],
  [4, "4xx", "s4"],
  [5, "5xx", "s5"],
  [1, "upgraded", "s1"],
  [0, "visitor left", "s0"],
] as const

/** The quantiles of each slot, and of all slots together. */
const quantiles = (slots: ReadonlyArray<Slot>, part: "wait" | "tunnel") => {
  const all = new Histogram()
  const histograms = slots.map((slot) => {
    const histogram = histogramOf(slot, part)
    all.addCounts(histogram.counts)
    return histogram
  })
  return {
    p50: histograms.map((one) => one.quantile(0.5)),
    p95: histograms.map((one) => one.quantile(0.95)),
    all: [all.quantile(0.5), all.quantile(0.95)] as const,
  }
}

const timeOf = ({ start }: Slot): string => {
  const text = Format.rfc3339(start)
  return `${text.slice(0, 10)} ${text.slice(11, 16)} UTC`
}

const columns = [
  "Time (UTC)",
  "Requests",
  "4xx",
  "5xx",
  "Out",
  "In",
  "Waited p50, p95",
  "Tunnel and server p50, p95",
  "Links",
  "Waiting",
]

const millis = (value: number | undefined): string =>
  value === undefined ? "–" : Format.millis(value)

/** The slots in which anything happened, the newest first. */
const numbers = (slots: ReadonlyArray<Slot>): Html => {
  const busy = slots.filter(({ values }) => values.some((value) => value > 0)).toReversed()
  return html`<details class="numbers"><summary>These charts as numbers</summary>${
    busy.length === 0
      ? html`<p class="empty">${Text.charts.empty}</p>`
      : table({
          caption: "Traffic, newest first",
          columns,
          rows: busy.map((slot) => {
            const { start, values } = slot
            const at = (index: number): number => values[index] ?? 0
            const wait = histogramOf(slot, "wait")
            const tunnel = histogramOf(slot, "tunnel")
            return {
              id: `slot-${start}`,
              cells: [
                Format.minute(start),
                html`${count(sum([...values.subarray(0, 6)]))}`,
                html`${count(at(4))}`,
                html`${count(at(5))}`,
                html`${Format.bytes(Math.round(at(place.bytesOut)))}`,
                html`${Format.bytes(Math.round(at(place.bytesIn)))}`,
                html`${millis(wait.quantile(0.5))}, ${millis(wait.quantile(0.95))}`,
                html`${millis(tunnel.quantile(0.5))}, ${millis(tunnel.quantile(0.95))}`,
                html`${count(at(place.links))}`,
                html`${count(at(place.waiting))}`,
              ],
            }
          }),
        })
  }</details>`
}

/**
 * The charts.
 *
 * @param path of the page, for the links to other spans
 * @param slots the oldest first
 */
export const render = (path: string, span: SpanName, slots: ReadonlyArray<Slot>): Html => {
  const times = slots.map(timeOf)
  const [, from] = labels[span]
  const valuesAt = (index: number): ReadonlyArray<number> =>
    slots.map(({ values }) => values[index] ?? 0)
  const requests = sum(slots.map(({ values }) => sum([...values.subarray(0, 6)])))
  const failed = sum(valuesAt(5))
  const [bytesOut, bytesIn] = [valuesAt(place.bytesOut), valuesAt(place.bytesIn)]
  const level = (title: string, at: number, kind: string): Html => {
    const values = valuesAt(at)
    const summary = `last ${count(values.at(-1) ?? 0)}, at most ${count(Math.max(0, ...values))}`
    return Chart.render({
      ...{ title, summary, form: "lines", times, from, show: count },
      series: [{ label: title, kind, values }],
    })
  }
  const duration = (title: string, part: "wait" | "tunnel"): Html => {
    const { all, p50, p95 } = quantiles(slots, part)
    return Chart.render({
      ...{ title, form: "lines", times, from, show: Format.millis },
      summary: `p50 ${millis(all[0])}, p95 ${millis(all[1])}`,
      series: [
        { label: "p50", kind: "median", values: p50 },
        { label: "p95", kind: "slow", values: p95 },
      ],
    })
  }
  return html`${spanLinks(path, span)}
<div id="charts" class="charts" data-live>
${Chart.render({
  ...{ title: "Requests", form: "bars", times, from, show: count },
  summary: `${count(requests)}${failed > 0 ? `, ${count(failed)} × 5xx` : ""}`,
  series: classes
    .map(([status, label, kind]) => ({ status, label, kind, values: valuesAt(status) }))
    .filter(({ status, values }) => status > 1 || values.some((value) => value > 0)),
})}
${Chart.render({
  ...{ title: "Bytes", form: "lines", times, from },
  show: (value) => Format.bytes(Math.round(value)),
  summary: `${Format.bytes(Math.round(sum(bytesOut)))} out, ${Format.bytes(Math.round(sum(bytesIn)))} in`,
  series: [
    { label: "out", kind: "median", values: bytesOut },
    { label: "in", kind: "slow", values: bytesIn },
  ],
})}
${duration("Waited for a link", "wait")}
${duration("Tunnel and server", "tunnel")}
${level("Links", place.links, "median")}
${level("Waiting requests", place.waiting, "slow")}
</div>
<div id="numbers" data-live>${numbers(slots)}</div>`
}

/**
 * Small charts as SVG in the page, without a script: bars on top of each other
 * for counts, and lines. What they show is in a table besides, which people can
 * open.
 */
import { type Html, html } from "../../../web/Html.ts"

/** The values of one kind over time, with the class that gives them their colour. */
export interface ChartSeries {
  readonly label: string
  readonly kind: string
  /** `undefined` where there is nothing to show. */
  readonly values: ReadonlyArray<number | undefined>
}

/** A chart. */
export interface ChartParts {
  readonly title: string
  /** What it all comes to, in a few words. */
  readonly summary: string
  readonly form: "bars" | "lines"
  readonly series: ReadonlyArray<ChartSeries>
  /** A value in words. */
  readonly show: (value: number) => string
  /** The time of each slot in words. */
  readonly times: ReadonlyArray<string>
  /** What stands below its left end. */
  readonly from: string
}

const [width, height] = [600, 100]

/** The next 1, 2 or 5 with zeros that is not less. */
const ceiling = (value: number): number => {
  if (value <= 0) return 1
  const unit = 10 ** Math.floor(Math.log10(value))
  return ([1, 2, 5, 10].find((step) => step * unit >= value * 0.999_999) ?? 10) * unit
}

const round = (value: number): string => `${Math.round(value * 10) / 10}`

/** The largest value, of bars their sum. */
const largest = ({ form, series, times }: ChartParts): number =>
  times.reduce((most, _, i) => {
    const values = series.map(({ values }) => values[i] ?? 0)
    return Math.max(most, form === "bars" ? values.reduce((a, b) => a + b, 0) : Math.max(...values))
  }, 0)

const barsOf = ({ series, times }: ChartParts, top: number): ReadonlyArray<Html> => {
  const step = width / times.length
  const heights = times.map(() => 0)
  return series.map(({ kind, values }) => {
    const path = values
      .map((value = 0, i) => {
        if (value <= 0) return ""
        const part = (height * value) / top
        heights[i] = (heights[i] ?? 0) + part
        return `M${round(i * step)} ${round(height - (heights[i] ?? 0))}h${round(step * 0.8)}v${round(part)}h${round(-step * 0.8)}z`
      })
      .join("")
    return html`<path class="${kind}" d="${path}"/>`
  })
}

const linesOf = ({ series, times }: ChartParts, top: number): ReadonlyArray<Html> => {
  const step = width / times.length
  return series.map(({ kind, values }) => {
    const has = (i: number): boolean => values[i] !== undefined
    const point = (i: number): string =>
      `${round((i + 0.5) * step)} ${round(height - (height * (values[i] ?? 0)) / top)}`
    const slots = [...values.keys()].filter(has)
    const isAlone = (i: number): boolean => !has(i - 1) && !has(i + 1)
    const line = slots.filter((i) => !isAlone(i)).map((i) => `${has(i - 1) ? "L" : "M"}${point(i)}`)
    const dots = slots.filter(isAlone).map((i) => `M${point(i)}h.1`)
    return html`<path class="line ${kind}" d="${line.join("")}"/><path class="line dots ${kind}" d="${dots.join("")}"/>`
  })
}

/** For each slot what a pointer on it shows. */
const tipsOf = ({ series, show, times }: ChartParts): ReadonlyArray<Html> => {
  const step = width / times.length
  return times.map((time, i) => {
    const values = series.flatMap(({ label, values }) => {
      const value = values[i]
      return value === undefined || value === 0 ? [] : [`${label} ${show(value)}`]
    })
    return html`<rect class="tip" x="${round(i * step)}" y="0" width="${round(step)}" height="${height}"><title>${time}: ${values.length === 0 ? "nothing" : values.join(", ")}</title></rect>`
  })
}

/** The chart with its title, legend and scale. */
export const render = (parts: ChartParts): Html => {
  const { form, from, series, show, summary, title } = parts
  const most = largest(parts)
  const top = ceiling(most)
  return html`<figure class="chart">
<figcaption><b>${title}</b> <span class="faint">${summary}</span></figcaption>
<div class="plot"><span class="scale">${most === 0 ? "" : show(top)}</span>
<svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-label="${title}: ${summary}"><path class="rule" d="M0 0.5H${width}M0 ${height / 2}H${width}M0 ${height - 0.5}H${width}"/>${form === "bars" ? barsOf(parts, top) : linesOf(parts, top)}${tipsOf(parts)}</svg></div>
<div class="ends"><span>${from}</span><span>now</span></div>
${series.length < 2 ? undefined : html`<ul class="legend">${series.map(({ kind, label }) => html`<li><span class="key ${kind}"></span>${label}</li>`)}</ul>`}
</figure>`
}

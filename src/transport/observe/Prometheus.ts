/**
 * Metrics in Prometheus' text format, version 0.0.4.
 */
import type { Distribution, Labels, Metric } from "./Metric.ts"

/** The Content-Type of {@link render}. */
export const contentType = "text/plain; version=0.0.4; charset=utf-8"

const escapes: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", '"': '\\"' }

const labelText = (value: string): string =>
  value.replace(/[\\\n"]/g, (character) => escapes[character] ?? "")

const helpText = (help: string): string =>
  help.replace(/[\\\n]/g, (character) => escapes[character] ?? "")

const numberText = (value: number): string =>
  Number.isNaN(value) ? "NaN" : Number.isFinite(value) ? `${value}` : value > 0 ? "+Inf" : "-Inf"

const line = (name: string, labels: Labels, value: number): string => {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${labelText(text)}"`)
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${numberText(value)}\n`
}

const distribution = (
  name: string,
  bounds: ReadonlyArray<number>,
  { counts, labels = {}, sum }: Distribution,
): string => {
  let below = 0
  const buckets = counts.map((count, i) => {
    below += count
    const le = numberText(bounds[i] ?? Number.POSITIVE_INFINITY)
    return line(`${name}_bucket`, { ...labels, le }, below)
  })
  return `${buckets.join("")}${line(`${name}_sum`, labels, sum)}${line(`${name}_count`, labels, below)}`
}

const text = (metric: Metric): string => {
  const { help, name, type } = metric
  const lines =
    metric.type === "histogram"
      ? metric.samples.map((sample) => distribution(name, metric.bounds, sample))
      : metric.samples.map(({ labels = {}, value }) => line(name, labels, value))
  return `# HELP ${name} ${helpText(help)}\n# TYPE ${name} ${type}\n${lines.join("")}`
}

/** The body of the answer to a scrape. */
export const render = (metrics: ReadonlyArray<Metric>): string => metrics.map(text).join("")

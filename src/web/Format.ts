/**
 * Numbers and times as pages say them to people.
 */
import { type Html, html } from "./Html.ts"

const units = ["B", "KiB", "MiB", "GiB", "TiB"]

/** A number of bytes, such as `1.5 MiB`. */
export const bytes = (count: number): string => {
  let value = count
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  const text = unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)
  return `${text} ${units[unit]}`
}

/** Milliseconds, such as `12 ms` or `3.4 s`. */
export const millis = (count: number): string =>
  count >= 1000
    ? `${(count / 1000).toFixed(1)} s`
    : count >= 10
      ? `${count.toFixed(0)} ms`
      : `${count.toFixed(1)} ms`

/** A time in UTC to the second. */
export const time = (at: number): Html => {
  const iso = new Date(at).toISOString()
  return html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC</time>`
}

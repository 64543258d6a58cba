/**
 * Sizes, durations and times as text for people, on pages, terminals and in logs.
 */
import { type Html, html } from "./Html.ts"

const units = ["kB", "MB", "GB", "TB", "PB", "EB"]

/**
 * A number of bytes, such as `999 B`, `1.5 MB` or `120 GB`: decimal units
 * (1 kB = 1000 bytes, as file managers show), at most three digits.
 */
export const bytes = (count: number): string => {
  if (count < 1000) return `${count} B`
  let value = count
  let unit = -1
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`
}

/** A duration in milliseconds, such as `0.3 ms`, `12 ms` or `3.4 s`. */
export const millis = (count: number): string =>
  count >= 1000
    ? `${(count / 1000).toFixed(1)} s`
    : count >= 10
      ? `${count.toFixed(0)} ms`
      : `${count.toFixed(1)} ms`

/** How long something took or is ago, for text on one line: `40 s`, `4 min`, `3 h`, `2 d`. */
export const span = (millis: number): string => {
  const seconds = Math.max(0, Math.round(millis / 1000))
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 120) return `${minutes} min`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} d`
}

// RFC 3339 has years of four digits; file systems can store others.
const earliest = Date.UTC(1, 0, 1) - 1900 * 365.2425 * 86_400_000
const latest = Date.UTC(9999, 11, 31)

/**
 * A time as RFC 3339 in UTC, such as `2026-01-31T12:00:00.000Z`. A time that
 * RFC 3339 cannot express becomes the nearest that it can.
 *
 * @param at milliseconds since 1970
 */
export const rfc3339 = (at: number): string =>
  new Date(Math.min(Math.max(at, earliest), latest)).toISOString()

const ages = [
  ["s", 1_000, 120],
  ["min", 60_000, 120],
  ["h", 3_600_000, 48],
  ["days", 86_400_000, Number.POSITIVE_INFINITY],
] as const

/**
 * How long ago a time is, as a `time` element: `40 s ago`, `5 min ago`, `3 h ago`, `4 days ago`.
 *
 * @param at milliseconds since 1970
 * @param now the same
 */
export const ago = (at: number, now: number): Html => {
  const millis = Math.max(0, now - at)
  const [unit, length] = ages.find(([, length, most]) => millis < most * length) ?? ages[3]
  return html`<time datetime="${rfc3339(at)}">${Math.floor(millis / length)} ${unit} ago</time>`
}

/**
 * A `time` element in UTC to the second, such as `2026-01-31 12:00:00 UTC`.
 *
 * @param at milliseconds since 1970
 */
export const time = (at: number): Html => {
  const text = rfc3339(at)
  return html`<time datetime="${text}">${text.slice(0, 10)} ${text.slice(11, 19)} UTC</time>`
}

/**
 * A `time` element in UTC to the minute, such as `2026-01-31 12:00`, for a
 * table whose heading names the time zone.
 *
 * @param at milliseconds since 1970
 */
export const minute = (at: number): Html => {
  const text = rfc3339(at)
  return html`<time datetime="${text}">${text.slice(0, 10)} ${text.slice(11, 16)}</time>`
}

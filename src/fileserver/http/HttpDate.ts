/**
 * HTTP dates (RFC 9110 5.6.7) as whole seconds since 1970. Effect's
 * `Headers.parseHttpDate` ignores case and has a fixed pivot for two-digit
 * years; both deviate from the RFC.
 */

const months = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
const short = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
const long = "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
const time = "(?<hour>\\d{2}):(?<minute>\\d{2}):(?<second>\\d{2})"

const month = `(?<month>${months})`
const imf = new RegExp(`^${short}, (?<day>\\d{2}) ${month} (?<year>\\d{4}) ${time} GMT$`)
const rfc850 = new RegExp(`^${long}, (?<day>\\d{2})-${month}-(?<year>\\d{2}) ${time} GMT$`)
const asctime = new RegExp(`^${short} ${month} (?<day>[ \\d]\\d) ${time} (?<year>\\d{4})$`)

// 0000-01-01 and 9999-12-31: a year has four digits.
const earliest = -62_167_219_200
const latest = 253_402_300_799

const seconds = (
  year: number,
  month: string,
  day: number,
  hour: number,
  minute: number,
  second: number,
): number | undefined => {
  const index = months.indexOf(month) / 4
  const date = new Date(0)
  date.setUTCFullYear(year, index, day)
  if (date.getUTCDate() !== day || hour > 23 || minute > 59 || second > 60) return undefined
  return date.getTime() / 1000 + hour * 3600 + minute * 60 + second
}

/** Whether a time can be written as an HTTP date. */
export const isWritable = (time: number): boolean => time >= earliest && time <= latest

/** The preferred form, such as `Sun, 06 Nov 1994 08:49:37 GMT`, of a writable time in seconds. */
export const format = (time: number): string => new Date(time * 1000).toUTCString()

/**
 * Parses any of the three forms; `undefined` for everything else. Names are
 * case-sensitive, as RFC 9110 requires.
 *
 * @param now seconds; a two-digit year is taken within 50 years of it
 */
export const parse = (text: string, now: number): number | undefined => {
  const fields = (imf.exec(text) ?? rfc850.exec(text) ?? asctime.exec(text))?.groups
  if (fields === undefined) return undefined
  const { day, hour, minute, month, second, year = "" } = fields
  return seconds(
    year.length === 2 ? fullYear(Number(year), now) : Number(year),
    month as string,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  )
}

/** RFC 9110 5.6.7: a year that seems more than 50 years ahead is in the past. */
const fullYear = (twoDigits: number, now: number): number => {
  const present = new Date(now * 1000).getUTCFullYear()
  const year = present - (present % 100) + twoDigits
  if (year > present + 50) return year - 100
  return year < present - 49 ? year + 100 : year
}

/**
 * HTTP's dates in their three forms (RFC 9110 5.6.7), as whole seconds since
 * 1970.
 */

const months = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
const short = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
const long = "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
const time = "(\\d{2}):(\\d{2}):(\\d{2})"

const imf = new RegExp(`^${short}, (\\d{2}) (${months}) (\\d{4}) ${time} GMT$`)
const rfc850 = new RegExp(`^${long}, (\\d{2})-(${months})-(\\d{2}) ${time} GMT$`)
const asctime = new RegExp(`^${short} (${months}) ([ \\d]\\d) ${time} (\\d{4})$`)

// 0000-01-01 and 9999-12-31: what four digits of a year can say.
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
 * Reads any of the three forms; `undefined` for everything else.
 *
 * @param now seconds; an RFC 850 year that seems more than 50 years ahead of it is in the past
 */
export const parse = (text: string, now: number): number | undefined => {
  let match = imf.exec(text)
  if (match !== null) {
    const [, day, month, year, hour, minute, second] = match
    return seconds(
      Number(year),
      month as string,
      Number(day),
      Number(hour),
      Number(minute),
      Number(second),
    )
  }
  match = rfc850.exec(text)
  if (match !== null) {
    const [, day, month, digits, hour, minute, second] = match
    const present = new Date(now * 1000).getUTCFullYear()
    const year = present - (present % 100) + Number(digits)
    const inCentury = (full: number) =>
      seconds(full, month as string, Number(day), Number(hour), Number(minute), Number(second))
    // RFC 9110 5.6.7, counted in years.
    return inCentury(year > present + 50 ? year - 100 : year < present - 49 ? year + 100 : year)
  }
  match = asctime.exec(text)
  if (match === null) return undefined
  const [, month, day, hour, minute, second, year] = match
  return seconds(
    Number(year),
    month as string,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  )
}

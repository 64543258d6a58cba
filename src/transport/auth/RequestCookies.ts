/**
 * The cookies of a request (RFC 6265 5.4).
 */
import { all, type HeaderList } from "../../domain/HeaderList.ts"

/** The names and values as they are sent. A name may be there twice: cookies of several paths or domains. */
export const pairs = (headers: HeaderList): ReadonlyArray<readonly [name: string, value: string]> =>
  all(headers, "cookie").flatMap((line) =>
    line.split(";").map((pair) => {
      const at = pair.indexOf("=")
      return at < 0 ? ["", ""] : [pair.slice(0, at).trim(), pair.slice(at + 1).trim()]
    }),
  )

/** The values of all cookies of a name. */
export const valuesOf = (headers: HeaderList, name: string): ReadonlyArray<string> =>
  pairs(headers).flatMap(([other, value]) => (other === name ? [value] : []))

/** The value of a cookie; `undefined` if there is none, or two. */
export const read = (headers: HeaderList, name: string): string | undefined => {
  const values = valuesOf(headers, name)
  return values.length === 1 ? values[0] : undefined
}

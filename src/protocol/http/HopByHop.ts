/**
 * Which header fields belong to one connection only and therefore never cross
 * the tunnel (RFC 9110 7.6.1). Both legs strip them in both directions before
 * they add their own.
 */
import type { Header, HeaderList } from "../../domain/HeaderList.ts"
import { connectionFields } from "./ConnectionFields.ts"

const none: Set<string> = new Set()

/** The options of the Connection fields, lower case. */
export const connectionOptions = (headers: HeaderList): ReadonlySet<string> => {
  let options = none
  for (const [name, value] of headers) {
    if (name.length !== 10 || name.toLowerCase() !== "connection") continue
    if (options === none) options = new Set()
    for (const option of value.split(",")) {
      const trimmed = option.trim().toLowerCase()
      if (trimmed !== "") options.add(trimmed)
    }
  }
  return options
}

/**
 * The list without hop-by-hop fields: the known ones and those that the
 * Connection fields nominate.
 */
export const strip = (headers: HeaderList): HeaderList => {
  const nominated = connectionOptions(headers)
  if (nominated.size === 0) return headers.some(isHopByHop) ? headers.filter(crosses) : headers
  return headers.filter((header) => crosses(header) && !nominated.has(header[0].toLowerCase()))
}

const lengths = new Set(Array.from(connectionFields, (name) => name.length))

const isHopByHop = ([name]: Header): boolean =>
  lengths.has(name.length) && connectionFields.has(name.toLowerCase())

const crosses = (header: Header): boolean => !isHopByHop(header)

/** Whether the sender takes trailers: `TE: trailers` (RFC 9110 10.1.4). */
export const takesTrailers = (headers: HeaderList): boolean =>
  headers.some(
    ([name, value]) =>
      name.toLowerCase() === "te" &&
      value.split(",").some((coding) => coding.trim().toLowerCase() === "trailers"),
  )

/**
 * The protocol that the sender asks to change to, where it does so rightly:
 * an Upgrade field that Connection nominates (RFC 9110 7.8).
 */
export const upgradeOf = (headers: HeaderList): string | undefined => {
  if (!connectionOptions(headers).has("upgrade")) return undefined
  const values = headers.filter(([name]) => name.toLowerCase() === "upgrade").map(([, v]) => v)
  return values.length === 0 ? undefined : values.join(", ")
}

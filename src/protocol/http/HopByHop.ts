/**
 * Removes the header fields that belong to one connection and so do not cross
 * the tunnel (RFC 9110 7.6.1). Both ends remove them in both directions before
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
 * The list without connection fields and without the fields that Connection
 * names.
 */
export const strip = (headers: HeaderList): HeaderList => {
  const named = connectionOptions(headers)
  if (named.size === 0) return headers.some(isHopByHop) ? headers.filter(crosses) : headers
  return headers.filter((header) => crosses(header) && !named.has(header[0].toLowerCase()))
}

/** Status 426 Upgrade Required, which says in Upgrade what is required (RFC 9110 15.5.22). */
export const upgradeRequired = 426

/** The fields of a response without connection fields; only 426 keeps its Upgrade, since it means the visitor. */
export const stripResponse = (status: number, headers: HeaderList): HeaderList => {
  const stripped = strip(headers)
  if (status !== upgradeRequired) return stripped
  return [...stripped, ...headers.filter(([name]) => name.toLowerCase() === "upgrade")]
}

const lengths = new Set(Array.from(connectionFields, (name) => name.length))

const isHopByHop = ([name]: Header): boolean =>
  lengths.has(name.length) && connectionFields.has(name.toLowerCase())

const crosses = (header: Header): boolean => !isHopByHop(header)

/** Whether the sender accepts trailers: `TE: trailers` (RFC 9110 10.1.4). */
export const takesTrailers = (headers: HeaderList): boolean =>
  headers.some(
    ([name, value]) =>
      name.toLowerCase() === "te" &&
      value.split(",").some((coding) => coding.trim().toLowerCase() === "trailers"),
  )

/**
 * The protocol to which the sender asks to upgrade: the Upgrade field, if
 * Connection names it (RFC 9110 7.8).
 */
export const upgradeOf = (headers: HeaderList): string | undefined => {
  if (!connectionOptions(headers).has("upgrade")) return undefined
  const values = headers.filter(([name]) => name.toLowerCase() === "upgrade").map(([, v]) => v)
  return values.length === 0 ? undefined : values.join(", ")
}

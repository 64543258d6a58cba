/**
 * Removes the header fields that belong to one connection and so do not cross
 * the tunnel (RFC 9110 7.6.1). Both ends remove them in both directions before
 * they add their own.
 */
import type { Header, HeaderList } from "../../domain/HeaderList.ts"
import { memoize } from "../../domain/Memoize.ts"
import { connectionFields, isConnectionField } from "./ConnectionFields.ts"

const none: ReadonlySet<string> = new Set()

/** The field of all recipients that Connection must not name (RFC 9110 7.6.1): without it an application would be asked by its local name. */
const host = "host"

/** The options of a Connection field, lower case. */
interface Options {
  readonly all: ReadonlySet<string>
  /** Those that remove a field which is not a connection field anyway. */
  readonly nominated: ReadonlySet<string>
}

const optionsIn = memoize((value): Options => {
  const all = value
    .split(",")
    .map((option) => option.trim().toLowerCase())
    .filter((option) => option !== "")
  const nominated = all.filter((option) => option !== host && !connectionFields.has(option))
  return { all: new Set(all), nominated: new Set(nominated) }
})

const optionsOf = (headers: HeaderList, which: keyof Options): ReadonlySet<string> => {
  let options: ReadonlySet<string> | undefined
  for (const [name, value] of headers) {
    if (name.length !== 10 || name.toLowerCase() !== "connection") continue
    const others = optionsIn(value)[which]
    options = options === undefined ? others : new Set([...options, ...others])
  }
  return options ?? none
}

/** The options of the Connection fields, lower case. */
export const connectionOptions = (headers: HeaderList): ReadonlySet<string> =>
  optionsOf(headers, "all")

/**
 * The list without connection fields and without the fields that Connection
 * names, except Host; the same list if it has none of them.
 */
export const strip = (headers: HeaderList): HeaderList => {
  const named = optionsOf(headers, "nominated")
  const crosses = ([name]: Header): boolean =>
    !isConnectionField(name) && (named.size === 0 || !named.has(name.toLowerCase()))
  // The first field that does not cross, since most lists have none.
  for (let i = 0; i < headers.length; i++)
    if (!crosses(headers[i] as Header)) return headers.filter(crosses)
  return headers
}

/** Status 426 Upgrade Required, which says in Upgrade what is required (RFC 9110 15.5.22). */
export const upgradeRequired = 426

/** The fields of a response without connection fields; only 426 keeps its Upgrade, since it means the visitor. */
export const stripResponse = (status: number, headers: HeaderList): HeaderList => {
  const stripped = strip(headers)
  if (status !== upgradeRequired) return stripped
  return [...stripped, ...headers.filter(([name]) => name.toLowerCase() === "upgrade")]
}

/** A request's fields for the next connection: without those of this one and those that `isOmitted`, but with what it asks of everybody on the way. */
export const endToEnd = (
  headers: HeaderList,
  upgrade: boolean,
  isOmitted: (name: string) => boolean,
): HeaderList => {
  const fields: Array<Header> = strip(headers).filter(([name]) => !isOmitted(name))
  if (takesTrailers(headers)) fields.push(["TE", "trailers"])
  const protocol = upgrade ? upgradeOf(headers) : undefined
  if (protocol !== undefined) fields.push(["Connection", "Upgrade"], ["Upgrade", protocol])
  return fields
}

/** Whether the sender accepts trailers: `TE: trailers` (RFC 9110 10.1.4). */
export const takesTrailers = (headers: HeaderList): boolean =>
  headers.some(
    ([name, value]) =>
      name.length === 2 &&
      name.toLowerCase() === "te" &&
      value.split(",").some((coding) => coding.trim().toLowerCase() === "trailers"),
  )

/** HTTP/2 without TLS (RFC 7540 3.2): its requests would reach an application as the visitor writes them, which nobody checks. */
const isHttp2 = (protocol: string): boolean => /^h2c?$/i.test(protocol)

/**
 * The protocols, other than HTTP/2, to which the sender asks to upgrade: the
 * Upgrade field, if Connection names it (RFC 9110 7.8).
 */
export const upgradeOf = (headers: HeaderList): string | undefined => {
  if (!connectionOptions(headers).has("upgrade")) return undefined
  const protocols = headers
    .flatMap(([name, value]) => (name.toLowerCase() === "upgrade" ? value.split(",") : []))
    .map((protocol) => protocol.trim())
    .filter((protocol) => protocol !== "" && !isHttp2(protocol))
  return protocols.length === 0 ? undefined : protocols.join(", ")
}

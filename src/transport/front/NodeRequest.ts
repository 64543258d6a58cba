/**
 * Reads what Node's parser leaves to us of a request: the forms of its target,
 * whether a body follows, and whether it asks for another protocol.
 */
import type { IncomingMessage } from "node:http"
import { fromRaw, type HeaderList } from "../../domain/HeaderList.ts"
import { contentLength, type Framing } from "../../protocol/http/Framing.ts"
import { upgradeOf } from "../../protocol/http/HopByHop.ts"

/** Whether a body of one byte or more follows the head. */
export const hasBody = (framing: Framing): boolean =>
  !(framing._tag === "None" || (framing._tag === "Length" && framing.length === 0))

/** Path and query of a request target, which may be absolute (RFC 9112 3.2.2); `undefined` if it has none. */
export const originForm = (target: string): string | undefined => {
  if (target.includes("#")) return undefined
  if (target.startsWith("/")) return target
  const absolute = /^https?:\/\/[^/?]+([/?].*)?$/i.exec(target)
  if (absolute === null) return undefined
  // The path of an address without one is `/`, also before a query.
  return (absolute[1] ?? "").replace(/^(?!\/)/, "/")
}

/** The fields with the host of an absolute target, which replaces that of Host (RFC 9112 3.2.2). */
export const withHostOf = (target: string, headers: HeaderList): HeaderList => {
  const authority = /^https?:\/\/(?:[^/?]*@)?([^/?]+)/i.exec(target)?.[1]
  if (authority === undefined) return headers
  return headers.map(([name, value]) => [name, name.toLowerCase() === "host" ? authority : value])
}

/** The largest content of a request that asks for another protocol, in bytes. */
export const maxUpgradeContent = 64 * 1024

/**
 * Whether a request asks for another protocol, other than HTTP/2 (RFC 9110 7.8).
 * With a long body it is a request like any other.
 */
export const isUpgrade = (request: IncomingMessage): boolean => {
  const headers = fromRaw(request.rawHeaders)
  if (upgradeOf(headers) === undefined) return false
  const length = contentLength(headers)
  return length === "none" || (length !== "bad" && length <= maxUpgradeContent)
}

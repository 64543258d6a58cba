/**
 * What LOCK asks for (RFC 4918 9.10).
 */
import * as Locks from "../change/Locks.ts"
import * as XmlTree from "./XmlTree.ts"

/** The lock that a body describes. */
export interface LockInfo {
  readonly scope: Locks.Lock["scope"]
  /** What its owner wrote about itself, as XML. */
  readonly owner: string
}

/** The longest description of an owner, in characters. */
const maxOwner = 1_024
/** How long a lock holds if its client does not say, in seconds. */
const usualSeconds = 600

/** Parses the body of a request; `undefined` if it is invalid. */
export const parse = (body: Uint8Array): LockInfo | undefined => {
  const root = XmlTree.parse(body)
  if (root === undefined || !XmlTree.isDav(root, "lockinfo")) return undefined
  const scope = XmlTree.child(root, "lockscope")
  const type = XmlTree.child(root, "locktype")
  if (scope === undefined || type === undefined) return undefined
  if (XmlTree.child(type, "write") === undefined) return undefined
  const owner = XmlTree.child(root, "owner")
  const ownerXml = owner === undefined ? "" : XmlTree.write(owner)
  if (ownerXml.length > maxOwner) return undefined
  if (XmlTree.child(scope, "shared") !== undefined) return { scope: "shared", owner: ownerXml }
  return XmlTree.child(scope, "exclusive") === undefined
    ? undefined
    : { scope: "exclusive", owner: ownerXml }
}

/** The first time of a Timeout field (RFC 4918 10.7) that can be understood, in seconds. */
export const secondsOf = (field: string | undefined): number => {
  for (const value of (field ?? "").split(",")) {
    const text = value.trim()
    if (/^infinite$/i.test(text)) return Locks.maxSeconds
    const [, digits] = /^second-(\d{1,10})$/i.exec(text) ?? []
    if (digits !== undefined) return Math.min(Number(digits), Locks.maxSeconds)
  }
  return usualSeconds
}

/** The token of a Lock-Token field. */
export const tokenIn = (field: string | undefined): string | undefined =>
  /^\s*<([^<>]+)>\s*$/.exec(field ?? "")?.[1]

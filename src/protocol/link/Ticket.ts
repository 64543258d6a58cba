/**
 * The ticket of an invitation: whoever presents it with a new key has
 * that key registered for the name in it, once. A relay keeps only its digest.
 */
import { createHash, randomBytes } from "node:crypto"
import { isServerName, type ServerName } from "../../domain/ServerName.ts"

/** The ticket's form: the server's name, a dot, `new.` if the key is to be replaced, and 22 characters of base64url. */
const pattern = /^([A-Za-z0-9_-]+)\.(new\.)?[A-Za-z0-9_-]{22}$/

/** How many random bytes a ticket has. */
const randomLength = 16

/** The name that a ticket is for; `undefined` if it is not a ticket. */
export const nameOf = (ticket: string): ServerName | undefined => {
  const name = pattern.exec(ticket)?.[1]
  return name !== undefined && isServerName(name) ? name : undefined
}

/** Whether a ticket wants the server to make a new key, also if it has one. */
export const wantsNewKey = (ticket: string): boolean => pattern.exec(ticket)?.[2] !== undefined

/**
 * A new ticket for a name.
 *
 * @param replaces whether the name is registered, and its key is to be replaced
 */
export const make = (name: ServerName, replaces = false): string =>
  `${name}.${replaces ? "new." : ""}${randomBytes(randomLength).toString("base64url")}`

/** What a relay keeps of a ticket: its SHA-256 in hexadecimal digits. */
export const digest = (ticket: string): string => createHash("sha256").update(ticket).digest("hex")

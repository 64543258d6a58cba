/**
 * Who of those that have signed in at a provider of OpenID Connect may come in:
 * addresses, whole domains of addresses, and groups.
 */

/** Who a visitor is, as the provider says. */
export interface Identity {
  /** The provider's own id of the user, or the claim that the configuration names. */
  readonly user: string
  /** The address, if the provider has verified it. */
  readonly email: string | undefined
  readonly groups: ReadonlyArray<string>
}

/**
 * The entries of a list: `me@example.com`, `@example.com` for all addresses of
 * that domain, `group:NAME`, and `*` for everybody.
 */
export type AllowList = ReadonlyArray<string>

const groupPrefix = "group:"

/** Whether a text is one of the forms of an entry. An address with a `*`, which stands for nothing, is none. */
export const isEntry = (text: string): boolean =>
  text === "*" ||
  (text.startsWith(groupPrefix) && text.length > groupPrefix.length) ||
  /^[^\s@*]*@[^\s@*]+$/.test(text)

/** Letters outside ASCII stay: some of them become ASCII ones in lower case. */
const lowerAscii = (text: string): string => text.replace(/[A-Z]+/g, (run) => run.toLowerCase())

const domainOf = (email: string): string => email.slice(email.lastIndexOf("@"))

/** The groups that a list names. */
export const groupsOf = (list: AllowList): ReadonlyArray<string> =>
  list.flatMap((entry) => (entry.startsWith(groupPrefix) ? [entry.slice(groupPrefix.length)] : []))

/** Whether a list has an entry for a visitor. Addresses are compared without regard to case, groups exactly. */
export const allows = (list: AllowList, { email, groups }: Identity): boolean => {
  const address = email === undefined ? undefined : lowerAscii(email)
  return list.some((entry) => {
    if (entry === "*") return true
    if (entry.startsWith(groupPrefix)) return groups.includes(entry.slice(groupPrefix.length))
    if (address === undefined) return false
    const folded = lowerAscii(entry)
    return folded.startsWith("@") ? domainOf(address) === folded : address === folded
  })
}

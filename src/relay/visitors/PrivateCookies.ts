/**
 * Cookies that are between a visitor and the relay, or the proxy in front of
 * it: no server gets to see or to set them.
 */

import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import type { Header, HeaderList } from "../../domain/HeaderList.ts"

/** Whether the relay keeps cookies of this name for itself, whatever its configuration says. */
export const isRelays = (name: string): boolean => /^(?:__(?:Host|Secure)-)?ptth[-_]/i.test(name)

/** Whether a cookie is private by its name; those of the configuration may go on, as `_oauth2_proxy_0` does. */
export const isPrivate = ({ privateCookies }: RelayConfig, name: string): boolean =>
  isRelays(name) || privateCookies.some((start) => name.startsWith(start))

const nameOf = (pair: string): string => pair.split("=", 1)[0]?.trim() ?? ""

const mayBeRelays = /(?:^|[;\s])(?:__(?:Host|Secure)-)?ptth[-_]/i

/** Whether there may be a private cookie among many; nearly always it is seen at once that there is none. */
const mayHavePrivate = ({ privateCookies }: RelayConfig, value: string): boolean =>
  mayBeRelays.test(value) || privateCookies.some((start) => value.includes(start))

/** A request's fields without private cookies (RFC 6265 5.4). */
export const strip = (config: RelayConfig, headers: HeaderList): HeaderList => {
  if (!headers.some((header) => isCookie(header) && mayHavePrivate(config, header[1])))
    return headers
  return headers.flatMap((header): ReadonlyArray<Header> => {
    if (!isCookie(header)) return [header]
    const pairs = header[1].split(";")
    const kept = pairs.filter((pair) => !isPrivate(config, nameOf(pair)))
    if (kept.length === pairs.length) return [header]
    const value = kept.join(";").trim()
    return value === "" ? [] : [[header[0], value]]
  })
}

const isCookie = ([name]: Header): boolean => name.length === 6 && name.toLowerCase() === "cookie"

/** Whether a Set-Cookie field's value sets a private cookie (RFC 6265 5.2). */
export const isSetBy = (config: RelayConfig, value: string): boolean =>
  isPrivate(config, nameOf(value.split(";", 1)[0] ?? ""))

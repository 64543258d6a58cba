/**
 * Cookies of the relay, and of a proxy in front of it: servers neither receive
 * nor set them.
 */
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import type { Header, HeaderList } from "../../domain/HeaderList.ts"

/** Whether cookies of this name are the relay's, whatever its configuration says. */
const isRelayCookie = (name: string): boolean => /^(?:__(?:Host|Secure)-)?ptth[-_]/i.test(name)

/** Whether a cookie is private by its name. Names of the configuration are prefixes: `_oauth2_proxy` covers `_oauth2_proxy_0`. */
export const isPrivate = ({ privateCookies }: RelayConfig, name: string): boolean =>
  isRelayCookie(name) || privateCookies.some((start) => name.startsWith(start))

const nameOf = (pair: string): string => pair.split("=", 1)[0]?.trim() ?? ""

const mayBeRelays = /(?:^|[;\s])(?:__(?:Host|Secure)-)?ptth[-_]/i

/** Whether a Cookie field may have a private cookie: a cheap test that is nearly always false. */
const mayHavePrivate = ({ privateCookies }: RelayConfig, value: string): boolean =>
  mayBeRelays.test(value) || privateCookies.some((start) => value.includes(start))

/** A request's fields without private cookies (RFC 6265 5.4). */
export const strip = (config: RelayConfig, headers: HeaderList): HeaderList => {
  if (!headers.some((header) => isCookie(header) && mayHavePrivate(config, header[1])))
    return headers
  return headers.flatMap((header): ReadonlyArray<Header> => {
    if (!isCookie(header)) return [header]
    const pairs = header[1].split(";")
    const rest = pairs.filter((pair) => !isPrivate(config, nameOf(pair)))
    if (rest.length === pairs.length) return [header]
    const value = rest.join(";").trim()
    return value === "" ? [] : [[header[0], value]]
  })
}

const isCookie = ([name]: Header): boolean => name.length === 6 && name.toLowerCase() === "cookie"

/** Whether a Set-Cookie field's value sets a private cookie (RFC 6265 5.2). */
export const isSetBy = (config: RelayConfig, value: string): boolean =>
  isPrivate(config, nameOf(value.split(";", 1)[0] ?? ""))

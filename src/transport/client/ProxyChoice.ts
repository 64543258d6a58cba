/**
 * Which proxy of the environment leads to an origin: `HTTPS_PROXY` or `HTTP_PROXY`,
 * else `ALL_PROXY`, also in lower case, unless `NO_PROXY` excepts the origin. Addresses
 * are read as curl reads them; what cannot be used is an error, since going past a proxy in
 * silence may be against the rules of a network.
 */
import { BlockList, isIP } from "node:net"
import { domainToASCII } from "node:url"
import * as Data from "effect/Data"
import * as Result from "effect/Result"
import { entry } from "../../domain/ErrorRegistry.ts"

/** A variable names a proxy that cannot be used. Its value is not printed: it may have a password. */
export class ProxyError extends Data.TaggedError("ProxyError")<{
  readonly variable: string
  readonly problem: string
}> {
  readonly code = "PTTH_PROXY_UNUSABLE"

  override get message(): string {
    const { code, problem, variable } = this
    return `${code}: ${variable} ${problem}. ${entry(code).remedy}`
  }
}

/** The environment, or a part of it. */
export type Environment = Readonly<Record<string, string | undefined>>

const secureVariables = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
const plainVariables = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]

/** The proxy for an origin; `undefined` if there is none. */
export const of = (env: Environment, origin: URL): Result.Result<URL | undefined, ProxyError> => {
  const names = origin.protocol === "https:" ? secureVariables : plainVariables
  const variable = names.find((name) => (env[name] ?? "").trim() !== "")
  if (variable === undefined || isExcepted(env.no_proxy || env.NO_PROXY || "", origin))
    return Result.succeed(undefined)
  const text = (env[variable] as string).trim()
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`
  if (!URL.canParse(url))
    return Result.fail(new ProxyError({ variable, problem: "is no address of a proxy" }))
  const proxy = new URL(url)
  // Otherwise a part of the password would be taken for the host, and logged.
  if ((proxy.pathname + proxy.search + proxy.hash).includes("@"))
    return Result.fail(
      new ProxyError({
        variable,
        problem: "has a user or password whose special characters are not percent-encoded",
      }),
    )
  if (proxy.protocol === "http:" || proxy.protocol === "https:")
    return isDecodable(proxy)
      ? Result.succeed(proxy)
      : Result.fail(new ProxyError({ variable, problem: "has a malformed percent-encoding" }))
  const kind = proxy.protocol.slice(0, -1)
  return Result.fail(
    new ProxyError({
      variable,
      problem: `names a proxy of the kind ${kind}, which is not supported`,
    }),
  )
}

/** The value of `Proxy-Authorization` for a proxy with credentials (RFC 7617). */
export const authorization = ({ password, username }: URL): string | undefined =>
  username === "" && password === ""
    ? undefined
    : `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64")}`

const isDecodable = (proxy: URL): boolean => {
  try {
    authorization(proxy)
    return true
  } catch {
    return false
  }
}

/** Whether a list of hosts, domains, addresses and networks has an origin in it. */
const isExcepted = (list: string, origin: URL): boolean => {
  const host = hostOf(origin.hostname)
  const port = origin.port === "" ? (origin.protocol === "https:" ? "443" : "80") : origin.port
  return list
    .split(/[\s,]+/)
    .some((item) => item === "*" || (item !== "" && matches(item.toLowerCase(), host, port)))
}

const hostOf = (text: string): string =>
  text
    .replace(/^\[(.*)\]$/, "$1")
    .replace(/\.$/, "")
    .toLowerCase()

const matches = (item: string, host: string, port: string): boolean => {
  if (item.includes("/")) return isInNetwork(item, host)
  const range = /^([\d.]+)-([\d.]+)$/.exec(item)
  if (range !== null) return isInRange(range[1] as string, range[2] as string, host)
  const [, bracketed, unbracketed, itemPort] =
    /^(?:\[([^\]]*)\]|([^:]*|.*:.*:.*?))(?::(\d+))?$/.exec(isIP(item) === 6 ? `[${item}]` : item) ??
    []
  const name = bracketed ?? unbracketed
  if (name === undefined || (itemPort !== undefined && itemPort !== port)) return false
  if (isIP(name) !== 0)
    return isIP(host) === isIP(name) && isInNetwork(`${name}/${bits(name)}`, host)
  const domain = hostOf(domainToASCII(name.replace(/^\*?\./, "")))
  return domain !== "" && (host === domain || host.endsWith(`.${domain}`))
}

const bits = (address: string): number => (isIP(address) === 6 ? 128 : 32)

const familyOf = (address: string): "ipv4" | "ipv6" => (isIP(address) === 6 ? "ipv6" : "ipv4")

const isInNetwork = (network: string, host: string): boolean => {
  const [address = "", length = ""] = network.replace(/^\[(.*)\](?=\/)/, "$1").split("/")
  if (isIP(address) === 0 || isIP(host) === 0 || !/^\d{1,3}$/.test(length)) return false
  if (Number(length) > bits(address)) return false
  const hosts = new BlockList()
  hosts.addSubnet(address, Number(length), familyOf(address))
  return hosts.check(host, familyOf(host))
}

const isInRange = (from: string, to: string, host: string): boolean => {
  if (isIP(from) !== 4 || isIP(to) !== 4 || isIP(host) !== 4) return false
  const hosts = new BlockList()
  try {
    hosts.addRange(from, to)
  } catch {
    return false
  }
  return hosts.check(host)
}

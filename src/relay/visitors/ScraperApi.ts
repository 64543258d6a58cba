/**
 * The scraper API of the original: scripts with a key of their own list the
 * servers and send requests to them (protocol.md, Scraper API of the
 * original).
 */
import { sameTripcode, tripcodeOfText } from "../../domain/ApiKey.ts"
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import { all, type HeaderList } from "../../domain/HeaderList.ts"
import { isServerName, type ServerName } from "../../domain/ServerName.ts"
import * as ServerList from "../../protocol/ServerList.ts"
import { header } from "../../protocol/Wire.ts"

/** The answer to a scraper. */
export type ScraperAnswer =
  | { readonly _tag: "Text"; readonly status: number; readonly text: string }
  /** The request goes to a server. `target` is path and query for it, `prefix` the path before. */
  | {
      readonly _tag: "Server"
      readonly name: ServerName
      readonly target: string
      readonly prefix: string
    }

/** The result of checking a scraper's key. */
export type KeyCheckResult =
  | { readonly _tag: "Used"; readonly name: string }
  | { readonly _tag: "Refused"; readonly reason: string }

/** What an answer depends on. */
export interface ScraperContext {
  readonly config: RelayConfig
  /** Milliseconds since 1970. */
  readonly now: number
  /** When a message of a server last arrived, in milliseconds since 1970. */
  readonly lastSeen: (name: ServerName) => number | undefined
  readonly onKey: (result: KeyCheckResult) => void
}

/** The path below which the API is. */
export const scraperPath = "/scraper/"

const text = (status: number, line: string): ScraperAnswer => ({
  _tag: "Text",
  status,
  text: `${line}\n`,
})

const versions = /^\/scraper\/(?:v1|api)\//

/** Answers a request below {@link scraperPath}. */
export const answer = (
  context: ScraperContext,
  method: string,
  target: string,
  headers: HeaderList,
): ScraperAnswer => {
  if (method !== "GET" && method !== "HEAD") return text(400, `Can't ${method} this`)
  const start = versions.exec(target)?.[0]
  if (start === undefined) return text(404, "Unknown scraper API version")
  const refusal = refusalOf(context, headers)
  if (refusal !== undefined) return refusal
  const rest = target.slice(start.length)
  const endpoint = rest.split("?", 1)[0]
  if (endpoint === "test") return text(200, "You're valid!")
  if (endpoint === "server_list") return text(200, serverList(context))
  const server = /^server\/([^/?]+)(\/.*)$/s.exec(rest)
  if (server === null) return text(404, "Unknown scraper API endpoint")
  const [, name, path] = server as unknown as [string, string, string]
  if (!isServerName(name) || !context.config.servers.some((server) => server.name === name))
    return text(404, "Unknown server")
  return {
    _tag: "Server",
    name,
    target: path,
    prefix: target.slice(0, target.length - path.length),
  }
}

const refusalOf = (context: ScraperContext, headers: HeaderList): ScraperAnswer | undefined => {
  const { config } = context
  const keys = all(headers, header.apiKey)
  const result = checkKeys(context, keys)
  if (result !== undefined) context.onKey(result)
  if (!config.enableScraperApi) return text(403, "Scraper API disabled")
  if (keys.length === 0) return text(403, "Can't auth as scraper without API key")
  return result?._tag === "Used" ? undefined : text(403, "403 Forbidden")
}

const refused = (reason: string): KeyCheckResult => ({ _tag: "Refused", reason })

/** Checks the keys of a request. Every registered key is compared, so that the time taken does not tell which one matched. */
const checkKeys = (
  { config, now }: ScraperContext,
  keys: ReadonlyArray<string>,
): KeyCheckResult | undefined => {
  const [first] = keys
  if (first === undefined) return undefined
  if (!config.enableScraperApi) return refused("the scraper API is disabled")
  if (keys.length > 1) return refused("more than one key")
  const tripcode = tripcodeOfText(first)
  const matching = config.scraperKeys.filter(({ hash }) => sameTripcode(hash, tripcode))
  const [registered] = matching
  const [valid] = matching.filter(({ notAfter, notBefore }) => now >= notBefore && now <= notAfter)
  if (valid !== undefined) return { _tag: "Used", name: valid.name }
  return refused(
    registered === undefined
      ? "unknown key"
      : `${registered.name} is ${now < registered.notBefore ? "not good yet" : "not good any more"}`,
  )
}

const serverList = ({ config, lastSeen }: ScraperContext): string =>
  ServerList.encode({
    servers: config.servers.map(({ displayName, name }) => {
      const at = lastSeen(name)
      return {
        name,
        display_name: displayName ?? name,
        last_seen: at === undefined ? null : new Date(at),
      }
    }),
  })

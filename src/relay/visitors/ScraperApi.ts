/**
 * The scraper API of the original, to the letter: scripts with a key of their
 * own see which servers there are and fetch from them (protocol.md, Scraper
 * API of the original).
 */
import { sameTripcode, tripcodeOfText } from "../../domain/ApiKey.ts"
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import { all, type HeaderList } from "../../domain/HeaderList.ts"
import { isServerName, type ServerName } from "../../domain/ServerName.ts"
import * as ServerList from "../../protocol/ServerList.ts"
import { header } from "../../protocol/Wire.ts"

/** What is answered to a scraper. */
export type ScraperAnswer =
  | { readonly _tag: "Text"; readonly status: number; readonly text: string }
  /** Path and query for the server; `prefix` is what stands before it. */
  | {
      readonly _tag: "Server"
      readonly name: ServerName
      readonly target: string
      readonly prefix: string
    }

/** What was made of a key that was shown. */
export type KeyShown =
  | { readonly _tag: "Used"; readonly name: string }
  | { readonly _tag: "Refused"; readonly reason: string }

/** What the answer depends on. */
export interface ScraperContext {
  readonly config: RelayConfig
  /** Milliseconds since 1970. */
  readonly now: number
  /** When a server was last heard of, in milliseconds since 1970. */
  readonly lastSeen: (name: ServerName) => number | undefined
  readonly onKey: (shown: KeyShown) => void
}

/** Where the API lives. */
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
  const refusal = refuse(context, headers)
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

const refuse = (context: ScraperContext, headers: HeaderList): ScraperAnswer | undefined => {
  const { config } = context
  const keys = all(headers, header.apiKey)
  const shown = look(context, keys)
  if (shown !== undefined) context.onKey(shown)
  if (!config.enableScraperApi) return text(403, "Scraper API disabled")
  if (keys.length === 0) return text(403, "Can't auth as scraper without API key")
  return shown?._tag === "Used" ? undefined : text(403, "403 Forbidden")
}

const refused = (reason: string): KeyShown => ({ _tag: "Refused", reason })

/** What the keys of a request are; every registered one is compared, whichever it is. */
const look = (
  { config, now }: ScraperContext,
  shown: ReadonlyArray<string>,
): KeyShown | undefined => {
  const [first] = shown
  if (first === undefined) return undefined
  if (!config.enableScraperApi) return refused("the scraper API is disabled")
  if (shown.length > 1) return refused("more than one key")
  const tripcode = tripcodeOfText(first)
  const same = config.scraperKeys.filter(({ hash }) => sameTripcode(hash, tripcode))
  const [known] = same
  const [valid] = same.filter(({ notAfter, notBefore }) => now >= notBefore && now <= notAfter)
  if (valid !== undefined) return { _tag: "Used", name: valid.name }
  return refused(
    known === undefined
      ? "unknown key"
      : `${known.name} is ${now < known.notBefore ? "not good yet" : "not good any more"}`,
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

/**
 * All that is recorded of one server on one page, with heads and bodies, to be
 * searched with the browser.
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as Result from "effect/Result"
import type { ServerName } from "../../../domain/ServerName.ts"
import type { RequestFilter, ShownRequest } from "../../../protocol/peer/AdminControl.ts"
import { type Html, html, toText } from "../../../web/Html.ts"
import { maxInspected } from "../../inspect/Inspector.ts"
import type { SilentRelay } from "../../status/Relays.ts"
import { filterOf, type RecordingId, Requests } from "../core/Requests.ts"
import { type AdminPage, respondFramed, withServer } from "../frame/AdminPage.ts"
import { pathOf } from "../frame/RequestPath.ts"
import { pathOf as serverPath, tabs } from "../frame/ServerTabs.ts"
import * as Text from "../frame/Text.ts"
import { renderMessages } from "./RequestPage.ts"

/** The path of the page for a server. */
export const recordedPath = (name: string): string => `${serverPath(name)}/inspect`

/** How many recordings are asked for at once: their relay masks the secrets of each. */
const askedAtOnce = 4

/** How many characters of recordings the page shows; the one that exceeds them is the last. */
export const maxCharacters = 4 * 1024 * 1024

/** All rows that relays have of a server: only some of them are recordings. */
const allOf = (server: ServerName): RequestFilter => ({
  ...filterOf({ server, assets: "yes" }),
  most: Number.MAX_SAFE_INTEGER,
})

/** The recordings of a server at all relays, the newest first. */
const recordingsOf = Effect.fnUntraced(function* (name: ServerName) {
  const { rows, silent } = yield* (yield* Requests).list(allOf(name))
  const ids = rows.flatMap(
    ({ number, relay }): ReadonlyArray<RecordingId> =>
      number === undefined ? [] : [{ relay, name, number }],
  )
  return { ids, silent }
})

const sectionOf = (
  id: RecordingId,
  request: ShownRequest,
): Html => html`<section class="recorded"><h2><a href="${pathOf(id)}">${request.method} ${request.target.slice(0, 200)}</a></h2>
${renderMessages(id, request, "h3")}</section>`

/**
 * What the page shows of recordings, the newest first. A relay that does not
 * answer, or has one no longer, is not asked for its older ones; `silent` are
 * those that did not answer.
 */
export const sectionsOf = Effect.fnUntraced(function* (ids: ReadonlyArray<RecordingId>) {
  const { one } = yield* Requests
  const sections: Array<Html> = []
  const silent: Array<SilentRelay> = []
  const exhausted = new Set<string>()
  let characters = 0
  for (let at = 0; at < ids.length && characters < maxCharacters; at += askedAtOnce) {
    const batch = ids.slice(at, at + askedAtOnce).filter(({ relay }) => !exhausted.has(relay))
    const answers = yield* Effect.forEach(batch, (id) => Effect.result(one(id)), {
      concurrency: "unbounded",
    })
    for (const [i, answer] of answers.entries()) {
      const id = batch[i] as RecordingId
      if (Result.isFailure(answer)) silent.push({ id: id.relay, reason: answer.failure })
      const request = Result.getOrUndefined(answer)
      if (request === undefined) exhausted.add(id.relay)
      else if (characters < maxCharacters) {
        const section = sectionOf(id, request)
        characters += toText(section).length
        sections.push(section)
      }
    }
    // The relay serves visitors between them.
    yield* Effect.yieldNow
  }
  return { sections, silent, isCut: characters >= maxCharacters }
})

const show = withServer(
  Effect.fnUntraced(function* (server) {
    const { ids, silent } = yield* recordingsOf(server.name)
    const { isCut, sections, silent: later } = yield* sectionsOf(ids.slice(0, maxInspected))
    const hasMore = isCut || ids.length > maxInspected
    return yield* respondFramed({
      title: server.displayName ?? server.name,
      current: "/",
      live: false,
      silent: [...silent, ...later],
      main: html`${tabs(server.name, "requests")}
${sections.length === 0 ? html`<p class="empty">${Text.requests.empty}</p>` : undefined}
${hasMore ? html`<p class="notice">${Text.requests.onlyNewest(sections.length)}</p>` : undefined}
${sections}`,
    })
  }),
)

/** The page. */
export const page: AdminPage = { routes: [HttpRouter.route("GET", "/servers/:name/inspect", show)] }

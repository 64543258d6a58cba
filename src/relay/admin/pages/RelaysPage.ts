/**
 * The relays that serve as one: who they are, and how each of them is.
 */
import * as Effect from "effect/Effect"
import type { EngineStatus } from "../../../cluster/engine/Engine.ts"
import * as Format from "../../../web/Format.ts"
import { type Html, html } from "../../../web/Html.ts"
import { table } from "../../../web/Table.ts"
import type { RelayView } from "../../status/RelayView.ts"
import type { Overview } from "../core/Administration.ts"
import { type AdminPage, overviewRoute } from "../frame/AdminPage.ts"
import * as Text from "../frame/Text.ts"

const states: Readonly<Record<RelayView["state"], readonly [kind: string, text: string]>> = {
  self: ["connected", "this one"],
  up: ["connected", "connected"],
  draining: ["away", "draining"],
  silent: ["away", "not answering"],
  dialling: ["away", "connecting"],
  gone: ["away", "unreachable"],
  stopped: ["never", "stopped"],
}

const stateOf = ({ state }: RelayView): Html => {
  const [kind, text] = states[state]
  return html`<span class="state ${kind}">${text}</span>`
}

const engineStates = {
  off: html`none`,
  connected: html`connected`,
  away: html`<span class="state away">not answering</span>`,
} as const

const engineOf = ({ engine }: RelayView): Html =>
  engine === undefined
    ? html`–`
    : html`${engineStates[engine.state]}${engine.reason === undefined ? undefined : html`<br><small>${engine.reason}</small>`}`

const configOf = ({ differs, problem, state }: RelayView): Html => {
  if (problem !== undefined) return html`<span class="state away">has an error</span>`
  if (differs) return html`<span class="state away">differs</span>`
  return html`${state === "self" ? "–" : "the same"}`
}

const columns = [
  "Relay",
  "State",
  "Since",
  "Version",
  "Address",
  "Round trip",
  "Links",
  "Config",
  "Engine",
]

const relayTable = (relays: ReadonlyArray<RelayView>): Html =>
  table({
    caption: "Relays that serve as one",
    columns,
    rows: relays.map((relay) => ({
      id: `relay-${relay.id}`,
      cells: [
        html`${relay.id}`,
        stateOf(relay),
        Format.time(relay.since),
        html`${relay.program === "" ? "–" : relay.program}${relay.isApart ? html`<br><small>${Text.relays.apart}</small>` : undefined}`,
        html`${relay.address === undefined ? "–" : html`<code>${relay.address}</code>`}`,
        html`${relay.roundTrip === undefined ? "–" : Format.millis(relay.roundTrip)}`,
        html`${relay.links}`,
        configOf(relay),
        engineOf(relay),
      ],
    })),
  })

/** What the page shows. */
export const render = (
  relays: ReadonlyArray<RelayView>,
  engine: EngineStatus,
  isAlone: boolean,
): Html => {
  const machines = new Set(relays.map(({ machine }) => machine)).size
  return html`<div id="relays" data-live>${
    isAlone
      ? html`<p class="empty">${Text.relays.alone}</p>`
      : html`${engine.state === "off" && machines > 1 ? html`<p class="notice">${Text.relays.noEngine}</p>` : undefined}
${engine.state === "away" ? html`<p class="notice bad">${Text.relays.engineAway(Format.time(engine.since))}</p>` : undefined}
${relays.some(({ differs }) => differs) ? html`<p class="notice bad">${Text.relays.differs}</p>` : undefined}
${relayTable(relays)}`
  }</div>`
}

const menu = {
  path: "/relays",
  label: "Relays",
  isWanted: ({ isAlone }: Overview) => !isAlone,
} as const

/** The page. */
export const page: AdminPage = {
  menu,
  routes: [
    overviewRoute(menu, ({ isAlone, relays }, administration) =>
      Effect.sync(() => render(relays, administration.engine(), isAlone)),
    ),
  ],
}

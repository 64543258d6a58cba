/**
 * The table of servers on the administrator's side, and what its cells show.
 * Visitors see `PublicTable.ts`.
 */
import * as Format from "../../web/Format.ts"
import { type Html, html } from "../../web/Html.ts"
import { table } from "../../web/Table.ts"
import type { ServerView } from "./ServerView.ts"

const words = { connected: "connected", away: "not connected", never: "not connected yet" } as const

/** A server's state in words and colour. */
export const stateOf = ({ isPaused, state }: ServerView): Html =>
  html`<span class="state ${state}">${words[state]}</span>${isPaused ? html`<br><span class="state away">paused</span>` : undefined}`

/** Its transports, and why no better one is used. */
export const transportOf = ({ reason, transports }: ServerView): Html =>
  transports.length === 0
    ? html`–`
    : html`${transports.join(" and ")}${reason === "" ? undefined : html`<br><small>${reason}</small>`}`

/** Its programs and their versions. */
export const programOf = ({ programs }: ServerView): Html =>
  html`${programs.length === 0 ? "–" : programs.join(", ")}`

/** When a message of it last arrived. */
export const lastSeenOf = ({ lastSeen, state }: ServerView): Html =>
  state === "connected" ? html`now` : lastSeen === undefined ? html`–` : Format.time(lastSeen)

/** How many bytes were transferred. */
export const bytesOf = ({ traffic }: ServerView): Html =>
  html`${Format.bytes(traffic.bytesOut)} out, ${Format.bytes(traffic.bytesIn)} in`

const columns = [
  "Server",
  "State",
  "Last seen",
  "Transport",
  "Program",
  "Links",
  "In flight",
  "Requests",
  "Bytes",
]

/**
 * The servers.
 *
 * @param linkOf where a server's name leads
 */
export const serverTable = (
  servers: ReadonlyArray<ServerView>,
  linkOf: (view: ServerView) => string,
): Html =>
  table({
    caption: "Registered servers",
    columns,
    rows: servers.map((view) => ({
      id: `server-${view.name}`,
      cells: [
        html`<a href="${linkOf(view)}">${view.displayName}</a>${view.displayName === view.name ? undefined : html` <small>${view.name}</small>`}`,
        stateOf(view),
        lastSeenOf(view),
        transportOf(view),
        programOf(view),
        html`${view.connections}`,
        html`${view.traffic.inFlight}${view.waiting > 0 ? html`, ${view.waiting} waiting` : undefined}`,
        html`${view.traffic.requests}`,
        bytesOf(view),
      ],
    })),
  })

/**
 * `ptth status`: what runs of this user, what it serves, and how it is.
 */
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { span } from "../../web/Format.ts"
import * as RuntimeFolder from "./RuntimeFolder.ts"
import type { Relay, Service, Status } from "./StatusReport.ts"
import * as StatusSocket from "./StatusSocket.ts"

/** The values of the flags. */
export interface StatusFlags {
  readonly json: boolean
}

const count = (number: number, one: string): string => `${number} ${one}${number === 1 ? "" : "s"}`

type Row = readonly [label: string, text: string]

const failureRow = (failure: Service["lastFailure"], now: number): ReadonlyArray<Row> =>
  failure === undefined ? [] : [["Failed", `${span(now - failure.at)} ago: ${failure.message}`]]

const signInRow = ({ signIn }: Pick<Service, "signIn">): ReadonlyArray<Row> =>
  signIn === undefined ? [] : [["Sign-in", signIn]]

const connectionOf = ({ links, requests, roundTrip, state, transport }: Service): string => {
  if (state !== "connected") return state
  const details = [
    transport,
    links === 0 ? undefined : count(links, "link"),
    roundTrip === undefined ? undefined : `${roundTrip.toFixed(1)} ms`,
    `${count(requests, "request")} now`,
  ]
  return `connected: ${details.filter((part) => part !== undefined).join(", ")}`
}

const serviceRows = (service: Service, now: number): ReadonlyArray<Row> => [
  ["Name", service.name],
  ...service.serves.map((text): Row => ["Serves", text]),
  ...signInRow(service),
  ["Open", service.url ?? `nothing yet, at ${service.relay}`],
  ["State", connectionOf(service)],
  ...failureRow(service.lastFailure, now),
]

const relayRows = (relay: Relay, now: number): ReadonlyArray<Row> => [
  ["Listening", relay.address],
  ...(relay.publicUrl === undefined ? [] : [["Public", `${relay.publicUrl}/`] as const]),
  ...(relay.admin === undefined ? [] : [["Admin", relay.admin] as const]),
  [
    "Servers",
    `${relay.connected} of ${relay.registered} connected, ${count(relay.links, "link")}, ${count(relay.requests, "request")} now`,
  ],
  ...failureRow(relay.lastFailure, now),
]

const rowsOf = (status: Status, now: number): ReadonlyArray<Row> => [
  ...(status.config === undefined ? [] : [["Config", status.config] as const]),
  ...(status.address === undefined ? [] : [["Open", status.address] as const]),
  ...(status.serves ?? []).map((text): Row => ["Serves", text]),
  ...signInRow(status),
  ...(status.relay === undefined ? [] : relayRows(status.relay, now)),
  ...(status.services ?? []).flatMap((service) => serviceRows(service, now)),
]

/** One process as lines. */
export const describe = (status: Status, now: number): string =>
  [
    `${status.kind} ${status.version}, process ${status.pid}, for ${span(now - status.since)}`,
    ...rowsOf(status, now).map(([label, text]) => `  ${label.padEnd(11)}${text}`),
  ].join("\n")

/** Prints all of them. */
export const runStatus = Effect.fn("ptth status")(function* ({ json }: StatusFlags) {
  const statuses = yield* StatusSocket.askAll(RuntimeFolder.ofProcess())
  if (json) return yield* Console.log(JSON.stringify(statuses, null, 2))
  const now = yield* Clock.currentTimeMillis
  yield* Console.log(
    statuses.length === 0
      ? "Nothing of this user runs."
      : statuses.map((status) => describe(status, now)).join("\n\n"),
  )
})

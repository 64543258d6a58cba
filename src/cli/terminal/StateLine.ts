/**
 * The lines at the bottom of a terminal: where visitors find the server, how it
 * is connected, and how much it has done. Of several names each has a line.
 */
import type { UplinkState } from "../../server/uplink/UplinkState.ts"
import * as Format from "../../web/Format.ts"
import { cutEnd, cutMiddle, paint, type TerminalStyle, widthOf } from "../text/TerminalStyle.ts"
import { durationOf } from "./RequestLine.ts"
import type { ServiceState } from "./ServiceList.ts"

/** What the lines show. */
export interface ServerState {
  /** The names that are served; the links of the first one carry the others, where that is possible. */
  readonly services: ReadonlyArray<ServiceState>
  /** Which of them the keys are for. */
  readonly selected: number
  /** How many of them have a line at most. */
  readonly mostServices: number
  readonly isStopping: boolean
  readonly requests: number
  readonly running: number
  readonly bytesIn: number
  readonly bytesOut: number
  /** What has just been done, such as `copied`. */
  readonly notice: string | undefined
  /** Whether keys are read. */
  readonly hasKeys: boolean
}

/** What keys do. */
const keysHelp = "c copy · q QR · Ctrl+C stop"
const keysHelpForSeveral = "Tab next · c copy · q QR"

/** The longest name that is shown whole. */
const longestName = 20

const separator = ({ hasUnicode }: TerminalStyle): string => (hasUnicode ? " · " : " - ")

const linkText = (link: UplinkState | undefined, style: TerminalStyle): string => {
  switch (link?._tag) {
    case undefined:
      return paint(style, "green", "serving")
    case "Connecting":
      return paint(style, "yellow", "connecting")
    case "Waiting": {
      if (link.reason === "refused") return paint(style, "yellow", "waiting for approval")
      const seconds = Math.ceil(link.nextMillis / 1000)
      const next = seconds > 0 ? `next try in ${seconds} s` : "trying again"
      return paint(style, "red", `not connected: ${link.problem}`) + separator(style) + next
    }
    case "Connected": {
      const { links, roundTrip, transport } = link
      const parts = [
        paint(style, "green", "connected"),
        transport,
        ...(links === undefined ? [] : [`${links} link${links === 1 ? "" : "s"}`]),
        ...(roundTrip === undefined ? [] : [durationOf(roundTrip)]),
      ]
      return parts.join(separator(style))
    }
  }
}

/** What is wrong with a name: with its connection, or behind it. */
const problemOf = ({ link, originProblem }: ServiceState, style: TerminalStyle): string => {
  const isConnected = link === undefined || link._tag === "Connected"
  return [
    ...(isConnected ? [] : [linkText(link, style)]),
    ...(originProblem === undefined ? [] : [paint(style, "red", originProblem)]),
  ].join(separator(style))
}

const stateText = (state: ServerState, style: TerminalStyle): string => {
  const { isStopping, running, services } = state
  if (isStopping)
    return running === 0
      ? paint(style, "yellow", "stopping")
      : paint(style, "yellow", `stopping: waiting for ${counted(running, "request")}`)
  const [first] = services
  const text = linkText(first?.link, style)
  return services.length > 1 || first?.originProblem === undefined
    ? text
    : text + separator(style) + paint(style, "red", first.originProblem)
}

const counted = (count: number, what: string): string =>
  `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`

const traffic = ({ bytesIn, bytesOut, requests, running }: ServerState, style: TerminalStyle) =>
  [
    counted(requests, "request"),
    ...(running === 0 ? [] : [`${running} now`]),
    ...(bytesIn === 0 ? [] : [`${Format.bytes(bytesIn)} in`]),
    `${Format.bytes(bytesOut)} out`,
  ].join(separator(style))

const noColors = (style: TerminalStyle): TerminalStyle => ({ ...style, hasColors: false })

/** A notice, or what keys do. */
const asideOf = ({ hasKeys, notice, services }: ServerState, style: TerminalStyle): string => {
  const help = services.length > 1 ? keysHelpForSeveral : keysHelp
  return notice ?? (hasKeys ? help.replaceAll(" · ", separator(style)) : "")
}

/** Puts a text behind another one if there is room. */
const withAside = (text: string, aside: string, style: TerminalStyle, room: number): string =>
  aside !== "" && widthOf(text) + 3 + aside.length <= room
    ? `${text}   ${paint(style, "dim", aside)}`
    : text

/** The line of one of several names. */
const serviceLine = (
  service: ServiceState,
  isSelected: boolean,
  nameWidth: number,
  state: ServerState,
  style: TerminalStyle,
  room: number,
): string => {
  const mark = isSelected ? (style.hasUnicode ? "▸" : ">") : " "
  const name = cutMiddle(style, service.name, nameWidth).padEnd(nameWidth)
  const before = `${mark} ${name}  `
  const rest = room - before.length
  if (rest < 8) return cutEnd(style, before.trimEnd(), room)
  const problem = problemOf(service, style)
  const address = service.address ?? ""
  const isWhole = widthOf(problem) + 3 + address.length <= rest
  // A problem says more than the address, where there is no room for both.
  const text =
    problem === ""
      ? paint(style, isSelected ? "bold" : undefined, cutMiddle(style, address, rest))
      : isWhole && address !== ""
        ? `${paint(style, isSelected ? "bold" : undefined, address)}   ${problem}`
        : widthOf(problem) <= rest
          ? problem
          : cutEnd(style, problemOf(service, noColors(style)), rest)
  const line = before + text
  return isSelected ? withAside(line, asideOf(state, style), style, room) : line
}

/** The lines of several names; those around the selected one, if they are too many. */
const serviceLines = (
  state: ServerState,
  style: TerminalStyle,
  room: number,
): ReadonlyArray<string> => {
  const { mostServices, selected, services } = state
  const nameWidth = Math.min(longestName, Math.max(...services.map(({ name }) => name.length)))
  const lineOf = (service: ServiceState, index: number): string =>
    serviceLine(service, index === selected, nameWidth, state, style, room)
  if (services.length <= mostServices) return services.map(lineOf)
  const count = mostServices - 1
  const start = Math.min(Math.max(0, selected - count + 1), services.length - count)
  const more = `  and ${services.length - count} more`
  return [
    ...services.slice(start, start + count).map((service, index) => lineOf(service, start + index)),
    paint(style, "dim", cutEnd(style, more, room)),
  ]
}

/** The line of the only name. */
const addressLine = (
  address: string,
  state: ServerState,
  style: TerminalStyle,
  room: number,
): string =>
  withAside(
    paint(style, "bold", cutMiddle(style, address, room)),
    asideOf(state, style),
    style,
    room,
  )

/** The lines, of at most so many columns. */
export const lines = (
  state: ServerState,
  style: TerminalStyle,
  width: number,
): ReadonlyArray<string> => {
  const { services } = state
  const room = width - 1
  const address = services[0]?.address
  const above =
    services.length > 1
      ? serviceLines(state, style, room)
      : address === undefined
        ? []
        : [addressLine(address, state, style, room)]
  return [...above, stateAndTraffic(state, style, room)].map((line) => ` ${line}`)
}

/** The state, and the traffic if there is room; without colours where even the state has to be cut. */
const stateAndTraffic = (state: ServerState, style: TerminalStyle, room: number): string => {
  const done = traffic(state, style)
  const text = stateText(state, style)
  if (widthOf(text) + 3 + done.length <= room) return `${text}   ${paint(style, "dim", done)}`
  return widthOf(text) <= room ? text : cutEnd(style, stateText(state, noColors(style)), room)
}

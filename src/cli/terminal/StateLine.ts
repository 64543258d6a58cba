/**
 * The lines at the bottom of a terminal: where visitors find the server, how it
 * is connected, and how much it has done.
 */
import type { TunnelState } from "../../server/uplink/TunnelState.ts"
import * as Format from "../../web/Format.ts"
import { cutEnd, cutMiddle, paint, type TerminalStyle, widthOf } from "../text/TerminalStyle.ts"
import { durationOf } from "./RequestLine.ts"

/** What the lines show. */
export interface ServerState {
  /** The address for visitors. */
  readonly address: string | undefined
  /** `undefined` for a server that visitors reach directly. */
  readonly link: TunnelState | undefined
  /** What is wrong with the application behind the server. */
  readonly originProblem: string | undefined
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

const separator = ({ hasUnicode }: TerminalStyle): string => (hasUnicode ? " · " : " - ")

const linkText = (link: TunnelState | undefined, style: TerminalStyle): string => {
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

const stateText = (state: ServerState, style: TerminalStyle): string => {
  const { isStopping, link, originProblem, running } = state
  if (isStopping)
    return running === 0
      ? paint(style, "yellow", "stopping")
      : paint(style, "yellow", `stopping: waiting for ${counted(running, "request")}`)
  const text = linkText(link, style)
  return originProblem === undefined
    ? text
    : text + separator(style) + paint(style, "red", originProblem)
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

/** The lines, of at most so many columns. */
export const lines = (
  state: ServerState,
  style: TerminalStyle,
  width: number,
): ReadonlyArray<string> => {
  const { address, hasKeys, notice } = state
  const help = style.hasUnicode ? keysHelp : keysHelp.replaceAll("·", "-")
  const aside = notice ?? (hasKeys ? help : "")
  const room = width - 1
  const first =
    address === undefined
      ? []
      : address.length + aside.length + 3 <= room
        ? [` ${paint(style, "bold", address)}   ${paint(style, "dim", aside)}`.trimEnd()]
        : [` ${paint(style, "bold", cutMiddle(style, address, room))}`]
  return [...first, ` ${stateAndTraffic(state, style, room)}`]
}

/** The state, and the traffic if there is room; without colours where even the state has to be cut. */
const stateAndTraffic = (state: ServerState, style: TerminalStyle, room: number): string => {
  const done = traffic(state, style)
  const text = stateText(state, style)
  if (widthOf(text) + 3 + done.length <= room) return `${text}   ${paint(style, "dim", done)}`
  return widthOf(text) <= room ? text : cutEnd(style, stateText(state, noColors(style)), room)
}

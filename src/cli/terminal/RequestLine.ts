/**
 * A request as one line of a terminal. Columns are left out where the terminal
 * is narrow, and the path is cut in its middle.
 */
import { withoutSecrets } from "../../domain/SecretNames.ts"
import * as Format from "../../web/Format.ts"
import {
  type Attribute,
  cutEnd,
  cutMiddle,
  paint,
  printable,
  type TerminalStyle,
  widthOf,
} from "../text/TerminalStyle.ts"
import type { WatchedRequest } from "./WatchedRequest.ts"

/** From how many columns the size, the time of day and the duration are shown. */
const withSize = 60
const withTime = 50
const withDuration = 36

/** The least room of a path before a remark behind it is left out. */
const shortestPath = 16

/** The time of day of this machine, such as `12:04:31`. */
export const clockOf = (at: number): string => new Date(at).toTimeString().slice(0, 8)

/** A short duration, such as `18 ms`, `3.4 s` or `12 min`. */
export const durationOf = (millis: number): string => {
  if (millis < 59_950) return Format.millis(millis)
  const minutes = Math.floor(millis / 60_000)
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h`
}

const statusAttribute = (status: number | undefined): Attribute | undefined => {
  if (status === undefined || status >= 500) return "red"
  if (status >= 400) return "yellow"
  if (status >= 300) return "dim"
  return status >= 200 ? "green" : "cyan"
}

/** Why a visitor has not got a whole response. */
const remarkOf = (request: WatchedRequest): string => {
  const { code, detail, ending } = request
  if (ending === "left") return "the visitor left"
  if (ending === "broken") return "broken off"
  return detail === "" ? (code ?? "") : detail
}

/** Path and query without secrets; behind the name that they are of, if there are several. */
const targetOf = (request: WatchedRequest, style: TerminalStyle, hasName: boolean): string => {
  const target = printable(style, withoutSecrets(request.target))
  return hasName && request.server !== "" ? `${request.server}  ${target}` : target
}

/** The columns before what is in the middle: time of day, method, status. */
const head = (request: WatchedRequest, style: TerminalStyle, width: number): string => {
  const { at, method, status } = request
  const attribute = statusAttribute(status)
  const text = status === undefined ? "---" : `${status}`
  const columns = [
    ...(width >= withTime ? [paint(style, "dim", clockOf(at))] : []),
    cutEnd(style, printable(style, method), 8).padEnd(4),
    attribute === undefined ? text : paint(style, attribute, text),
  ]
  return ` ${columns.join("  ")}`
}

/** Puts the path, and a remark if there is room, behind the columns before. */
const withTarget = (
  before: string,
  request: WatchedRequest,
  remark: string,
  style: TerminalStyle,
  width: number,
  hasName: boolean,
): string => {
  const room = width - widthOf(before) - 2
  const target = targetOf(request, style, hasName)
  const text = printable(style, remark)
  const forRemark = Math.min(text.length + 3, room - Math.min(target.length, shortestPath))
  if (text === "" || forRemark < 8) return `${before}  ${cutMiddle(style, target, room)}`
  const path = cutMiddle(style, target, room - forRemark)
  const attribute = request.status !== undefined && request.status < 500 ? "dim" : "red"
  return `${before}  ${path}   ${paint(style, attribute, cutEnd(style, text, forRemark - 3))}`
}

/**
 * The line of a request that has ended, of at most so many columns.
 *
 * @param hasName whether it says which of several names the request is for
 */
export const ended = (
  request: WatchedRequest,
  style: TerminalStyle,
  width: number,
  hasName = false,
): string => {
  const { bytesIn, bytesOut } = request
  const duration = durationOf(request.millis).padStart(7)
  const size = Format.bytes(Math.max(bytesIn, bytesOut)).padStart(7)
  const before = [
    head(request, style, width),
    ...(width >= withDuration ? [duration] : []),
    ...(width >= withSize ? [size] : []),
  ].join("  ")
  return withTarget(before, request, remarkOf(request), style, width, hasName)
}

const bar = (share: number, { hasUnicode }: TerminalStyle): string => {
  const length = 8
  const full = Math.min(length, Math.floor(share * length))
  return hasUnicode
    ? "▓".repeat(full) + "░".repeat(length - full)
    : `[${"#".repeat(full)}${".".repeat(length - full)}]`
}

/** How far a transfer is. */
const progressOf = (request: WatchedRequest, millis: number, style: TerminalStyle): string => {
  const { bytesIn, bytesOut, length, status, uploadLength } = request
  const isUpload = status === undefined && bytesIn > 0
  const bytes = isUpload ? bytesIn : bytesOut
  const whole = isUpload ? uploadLength : length
  if (bytes === 0) return durationOf(millis)
  const share = whole === undefined || whole === 0 ? undefined : Math.min(1, bytes / whole)
  const rate = `${Format.bytes(Math.round((bytes * 1000) / Math.max(1, millis)))}/s`
  const amount = Format.bytes(bytes)
  return share === undefined
    ? `${amount}  ${rate}`
    : `${bar(share, style)} ${Math.floor(share * 100)} %  ${amount}  ${rate}`
}

/**
 * The line of a request that still runs, of at most so many columns.
 *
 * @param millis for how long it has been running
 * @param hasName whether it says which of several names the request is for
 */
export const running = (
  request: WatchedRequest,
  millis: number,
  style: TerminalStyle,
  width: number,
  hasName = false,
): string => {
  const progress = width >= withSize ? progressOf(request, millis, style) : durationOf(millis)
  const before =
    width >= withDuration
      ? `${head(request, style, width)}  ${progress}`
      : head(request, style, width)
  return withTarget(before, request, "", style, width, hasName)
}

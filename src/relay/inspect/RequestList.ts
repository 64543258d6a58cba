/**
 * The last requests of servers as one list: recorded ones of those that are
 * inspected, and of the others what their counters remember.
 */
import type { ListedRequest, RequestFilter } from "../../protocol/peer/AdminControl.ts"
import type { Recent } from "../traffic/Counters.ts"
import type { Recording } from "./Recording.ts"

/** What is known of the requests of one server. */
export interface ServerRequests {
  readonly server: string
  /** The newest first, like `recent`. */
  readonly recordings: ReadonlyArray<Recording>
  readonly recent: ReadonlyArray<Recent>
}

/** The last requests that match, the newest first. */
export interface RequestList {
  readonly rows: ReadonlyArray<ListedRequest>
  /** How many assets match besides, if they are not wanted. */
  readonly assets: number
}

const assetName =
  /\.(?:avif|bmp|css|eot|gif|ico|jpe?g|js|map|mjs|otf|png|svg|ttf|wasm|webmanifest|webp|woff2?)(?:\?|$)/i

/** Whether a page loads this by itself, and it went well. */
const isAsset = ({ code, method, path, status = 0 }: ListedRequest): boolean =>
  (method === "GET" || method === "HEAD") &&
  status >= 200 &&
  status < 400 &&
  code === undefined &&
  assetName.test(path)

const ofRecording = (server: string, recording: Recording): ListedRequest => {
  const { at, method, millis, number, outcome, replayOf, response, target } = recording.read()
  const { times } = recording
  return {
    server,
    number,
    at,
    method,
    path: target,
    status: response?.status ?? (millis === undefined ? undefined : times?.status),
    code: times?.code ?? (outcome.startsWith("PTTH_") ? outcome : undefined),
    millis,
    waitMillis: times?.waitMillis,
    tunnelMillis: times?.tunnelMillis,
    transport: times?.transport ?? "none",
    hop: times?.hop,
    bytesIn: recording.body.length,
    bytesOut: recording.responseBody.length,
    whole: outcome === "whole",
    replayOf,
  }
}

const ofRecent = (server: string, recent: Recent): ListedRequest => ({
  server,
  number: undefined,
  at: recent.at - recent.millis,
  method: recent.method,
  path: recent.path,
  status: recent.status,
  code: recent.code,
  millis: recent.millis,
  waitMillis: recent.waitMillis,
  tunnelMillis: recent.tunnelMillis,
  transport: recent.transport,
  hop: recent.hop,
  bytesIn: recent.bytesIn,
  bytesOut: recent.bytesOut,
  whole: recent.whole,
  replayOf: undefined,
})

const rowsOf = ({ recent, recordings, server }: ServerRequests): ReadonlyArray<ListedRequest> => {
  const numbers = new Set(recordings.map(({ number }) => number))
  return [
    ...recordings.map((recording) => ofRecording(server, recording)),
    ...recent
      .filter(({ recording }) => recording === undefined || !numbers.has(recording))
      .map((one) => ofRecent(server, one)),
  ]
}

/** Whether a request is one that a filter wants, apart from assets. */
const matches = ({ path, slow, status }: RequestFilter, row: ListedRequest): boolean =>
  (status === undefined ||
    (row.millis !== undefined && Math.floor((row.status ?? 0) / 100) === status)) &&
  (path === undefined || row.path.toLowerCase().includes(path.toLowerCase())) &&
  (slow === undefined || (row.millis ?? 0) >= slow)

/** The last requests of these servers that match a filter. */
export const list = (
  filter: RequestFilter,
  servers: ReadonlyArray<ServerRequests>,
): RequestList => {
  const matching = servers
    .flatMap(rowsOf)
    .filter((row) => matches(filter, row))
    .sort((one, other) => other.at - one.at || (other.number ?? 0) - (one.number ?? 0))
  const chosen = filter.assets ? matching : matching.filter((row) => !isAsset(row))
  return { rows: chosen.slice(0, filter.most), assets: matching.length - chosen.length }
}

/**
 * The addresses of recorded requests on the administrator's side, and the
 * address at which the visitor saw the server.
 */
import { first, type HeaderList } from "../../../domain/HeaderList.ts"
import type { RecordingId } from "../core/Requests.ts"

/** Stands for the id of a relay by itself, which is empty. */
const alone = "-"

/** The path of a recorded request, or of something below it. */
export const pathOf = ({ name, number, relay }: RecordingId, below = ""): string =>
  `/requests/${encodeURIComponent(relay === "" ? alone : relay.toWellFormed())}/${encodeURIComponent(name.toWellFormed())}/${number}${below}`

/** The pattern of these paths for the router. */
export const pattern = "/requests/:relay/:name/:number"

/** Where an edited request is sent from. */
export const sendPath = "/send"

/** Whether a path is one below which an edited request is sent. */
export const isSending = (path: string): boolean =>
  path.startsWith("/requests/") && path.endsWith(sendPath)

/** The recorded request of a path. */
export const idOf = (params: Readonly<Record<string, string | undefined>>): RecordingId => ({
  relay: params.relay === alone ? "" : (params.relay ?? ""),
  name: params.name ?? "",
  number: Number(params.number ?? ""),
})

/** The visitor's address of a request, by the fields that the relay has added to it. */
export const visitedUrl = (headers: HeaderList, target: string): string => {
  const field = (name: string): string | undefined => first(headers, name)
  const host = field("x-forwarded-host") ?? field("host") ?? "localhost"
  return `${field("x-forwarded-proto") ?? "http"}://${host}${field("x-forwarded-prefix") ?? ""}${target}`
}

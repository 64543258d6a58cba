/**
 * What the owner of a server sees of one request: the record that also makes
 * the relay's access log, with how much is still to come.
 */
import { first } from "../../domain/HeaderList.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import { VisitRecord } from "../../transport/observe/VisitRecord.ts"

/** How a request ended, if not with its whole response. */
export type Ending = "left" | "broken"

/** The destinations of requests that pages make by themselves (Fetch Metadata). */
const assetDestinations = new Set(["script", "style", "image", "font", "manifest", "track"])

/** Names of what pages load, for browsers that do not say a destination. */
const assetName = /\.(?:css|m?js|map|png|jpe?g|gif|svg|webp|avif|ico|woff2?|ttf)$/i

const isAsset = ({ headers, method, target }: RequestHead): boolean => {
  if (method === "HEAD" || method === "OPTIONS") return true
  if (method !== "GET") return false
  const destination = first(headers, "sec-fetch-dest")
  if (destination !== undefined) return assetDestinations.has(destination)
  return (
    first(headers, "referer") !== undefined && assetName.test(target.split("?", 1)[0] as string)
  )
}

/** The visitor's address, as the relay has passed it on. */
const visitorOf = ({ headers }: RequestHead): string =>
  first(headers, "x-forwarded-for")?.split(",", 1)[0]?.trim() ?? ""

/** See the file's header. */
export class WatchedRequest extends VisitRecord {
  /** When it came, in milliseconds since 1970. */
  readonly at: number
  /** Whether a page has made it by itself, or nobody looks at its response. */
  readonly isAsset: boolean
  /** The length of the response's body, if it is known. */
  length: number | undefined
  /** The length of the request's body, if it is known. */
  readonly uploadLength: number | undefined
  /** What happened, if there was no response. */
  detail = ""
  private readonly onEnded: (request: WatchedRequest) => void

  constructor(
    head: RequestHead,
    uploadLength: number | undefined,
    at: number,
    onEnded: (request: WatchedRequest) => void,
  ) {
    super(head, visitorOf(head), "1.1")
    this.at = at
    this.isAsset = isAsset(head)
    this.uploadLength = uploadLength
    this.onEnded = onEnded
  }

  /** How it ended, if its visitor has not got a whole response. */
  get ending(): Ending | undefined {
    if (this.code !== undefined || this.whole) return undefined
    return this.status === undefined ? "left" : "broken"
  }

  protected override ended(): void {
    this.onEnded(this)
  }
}

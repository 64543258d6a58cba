/**
 * One GET or HEAD request to the file server: what was asked, and the ways to
 * answer it. Everything here runs on callbacks.
 */
import { statusOf, type VisitorErrorCode } from "../../domain/ErrorRegistry.ts"
import * as Headers from "../../domain/HeaderList.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import * as Body from "../../transport/body/Body.ts"
import type { Reply } from "../../transport/body/Handler.ts"
import * as Accept from "../../web/Accept.ts"
import * as FailurePage from "../../web/FailurePage.ts"
import * as Decision from "../http/Decision.ts"
import * as Multipart from "../http/Multipart.ts"
import type { Query } from "../http/Query.ts"
import { type ByteName, toUrl } from "../names/ByteName.ts"
import type { TargetPath } from "../names/TargetPath.ts"
import type { NotOpen } from "../root/Root.ts"
import { type FolderWork, slice } from "./FolderWork.ts"

/** Something that has to be ended when the request is cancelled. */
export interface Cancellable {
  readonly cancel: () => void
}

/** What differs from the usual response to a failure. */
export interface FailureOverrides {
  readonly status?: number
  readonly retryAfter?: number
  readonly way?: FailurePage.Way | undefined
}

/** See the head of this file. */
export class FileRequest {
  readonly head: RequestHead
  readonly method: "GET" | "HEAD"
  readonly query: Query
  private readonly reply: Reply
  private readonly title: string | undefined
  private cancelled = false
  private running: Cancellable | undefined = undefined
  private isForAbsent = false

  /** @param title of the site, for the pages of failures */
  constructor(
    head: RequestHead,
    method: "GET" | "HEAD",
    query: Query,
    reply: Reply,
    title?: string,
  ) {
    this.title = title
    this.head = head
    this.method = method
    this.query = query
    this.reply = reply
  }

  /** Whether the client is gone; later answers are dropped. */
  readonly isCancelled = (): boolean => this.cancelled

  /** Ends the request; what {@link cancelWith} was given is cancelled too. */
  readonly cancel = (): void => {
    this.cancelled = true
    this.running?.cancel()
  }

  /** Cancels a body together with the request. */
  cancelWith(running: Cancellable): void {
    this.running = running
  }

  /** The Accept field; `undefined` without one. */
  accept(): string | undefined {
    const values = Headers.all(this.head.headers, "accept")
    return values.length < 2 ? values[0] : values.join(", ")
  }

  /** Whether a person with a browser asks, who gets pages. */
  get wantsPage(): boolean {
    return this.method === "GET" && Accept.weight(this.accept(), "text/html") > 0
  }

  /** Status, fields and byte ranges of the answer with this representation. */
  decide(representation: Decision.Representation, now: number): Decision.Decision {
    return Decision.decide(this.method, this.head.headers, representation, now)
  }

  /** The same request without some of its fields. */
  withoutFields(names: RegExp): FileRequest {
    const headers = this.head.headers.filter(([name]) => !names.test(name))
    return this.derive({ ...this.head, headers }, this.query)
  }

  /** The same request with other parameters. */
  withQuery(query: Query): FileRequest {
    return query === this.query ? this : this.derive(this.head, query)
  }

  /** The same request for the file that is sent in place of what does not exist: whole, with status 404. */
  forAbsent(): FileRequest {
    const request = this.withoutFields(/^(?:range|if-.*)$/i)
    request.isForAbsent = true
    return request
  }

  private derive(head: RequestHead, query: Query): FileRequest {
    const request = new FileRequest(head, this.method, query, this.reply, this.title)
    this.cancelWith(request)
    return request
  }

  /** Sends a head and a body; the body is discarded if the client is gone. */
  respond(
    { headers, status }: { readonly status: number; readonly headers: Headers.HeaderList },
    body: Body.Body,
  ): void {
    if (this.cancelled) return body.discard()
    this.reply.respond({ status: this.isForAbsent && status === 200 ? 404 : status, headers }, body)
  }

  /** Sends bytes in memory, or the ranges of them that were asked for. */
  sendBytes(bytes: Uint8Array, representation: Decision.Representation): void {
    const decision = this.decide(representation, Date.now())
    const { body, multipart } = decision
    if (multipart !== undefined) {
      return this.respond(decision, Body.fromBytes(Multipart.assemble(multipart.pieces, bytes)))
    }
    if (body === undefined) return this.respond(decision, Body.empty)
    const isWhole = body.length === bytes.length
    this.respond(
      decision,
      Body.fromBytes(isWhole ? bytes : bytes.subarray(body.first, body.first + body.length)),
    )
  }

  /**
   * Sends bytes that were made for this request, such as a page.
   *
   * @param work counts their memory until they have been read
   */
  sendGenerated(bytes: Uint8Array, headers: Headers.HeaderList, work?: FolderWork): void {
    const representation = Decision.ofBytes(bytes, headers)
    if (work === undefined || bytes.length <= slice) return this.sendBytes(bytes, representation)
    const decision = this.decide(representation, Date.now())
    if (decision.body === undefined) return this.respond(decision, Body.empty)
    const body = work.holdBytes(bytes)
    this.cancelWith(body)
    this.respond(decision, body)
  }

  /** Answers that too many folders are being read, or something else is done too often at once. */
  failCrowded(detail = "Too many folders are being read at the moment."): void {
    this.fail("PTTH_QUEUE_FULL", detail, { retryAfter: 5 })
  }

  /** Redirects to an address relative to the request's, for now. */
  redirect(location: string): void {
    this.respond(
      {
        status: 302,
        headers: [
          ["Location", location],
          ["Content-Length", "0"],
          ["Cache-Control", "no-cache"],
          ["Vary", "Accept"],
          ["X-Content-Type-Options", "nosniff"],
        ],
      },
      Body.empty,
    )
  }

  /** Redirects to the same path with a slash; relative, so that it works under any prefix. */
  redirectToFolder({ query, segments }: TargetPath): void {
    const location = `${toUrl(segments.at(-1) as ByteName)}/`
    const search = query === undefined ? "" : `?${escapeQuery(query)}`
    this.respond(
      {
        status: 308,
        headers: [
          ["Location", location + search],
          ["Content-Length", "0"],
          ["Cache-Control", "no-cache"],
          ["X-Content-Type-Options", "nosniff"],
        ],
      },
      Body.empty,
    )
  }

  /**
   * Answers that a file or folder could not be opened.
   *
   * @param way where the visitor may want to go instead
   */
  failNotOpen({ _tag, detail }: NotOpen, way?: FailurePage.Way): void {
    switch (_tag) {
      case "Forbidden":
        return this.fail("PTTH_NOT_READABLE", detail)
      case "Absent":
      case "TooLong":
        return this.fail("PTTH_NOT_FOUND", detail, { way })
      case "Busy":
        return this.fail("PTTH_INTERNAL", detail, { status: 503, retryAfter: 1 })
      case "Broken":
        return this.fail("PTTH_INTERNAL", detail)
    }
  }

  /** Sends a failure page. */
  fail(code: VisitorErrorCode, detail: string, { way, ...overrides }: FailureOverrides = {}): void {
    const failure = FailurePage.render(
      { code, status: statusOf(code), detail, ...overrides },
      this.accept(),
      { ...this.head, way, ...(this.title === undefined ? {} : { site: this.title }) },
    )
    this.respond(failure, this.method === "HEAD" ? Body.empty : Body.fromBytes(failure.body))
  }
}

/** Percent-encodes what a Location must not contain (RFC 3986 3.4). */
const escapeQuery = (query: string): string =>
  query.replace(/[\x80-\xff"<>\\^`{|}]/g, (character) => toUrl(character))

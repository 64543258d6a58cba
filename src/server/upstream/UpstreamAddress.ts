/**
 * An application behind `--to` and its visitors know it by different addresses:
 * by another host, scheme and path. This maps the target and the fields that
 * carry addresses, in both directions. The relay moves what it has put before
 * paths itself (`PathPrefix.ts`).
 */
import { first, type Header, type HeaderList } from "../../domain/HeaderList.ts"
import * as AddressFields from "../../protocol/address/AddressFields.ts"
import type * as AddressSyntax from "../../protocol/address/AddressSyntax.ts"
import * as Multistatus from "../../protocol/address/Multistatus.ts"
import * as UriReference from "../../protocol/address/UriReference.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import type { InterimHead, RequestHead, ResponseHead } from "../../protocol/Message.ts"
import type { Body } from "../../transport/body/Body.ts"
import type { Handler, Reply } from "../../transport/body/Handler.ts"
import { checked } from "../../transport/body/ListingCheck.ts"
import { refuse } from "../../transport/body/Replies.ts"
import { ReplyWrapper } from "../../transport/body/ReplyWrapper.ts"

/** The address of `--to`, and which Host the application gets. */
export interface UpstreamAddressOptions {
  /** Scheme, host, port and the path that is put before each target. */
  readonly origin: URL
  /** The Host field for the application; the visitor's by default. */
  readonly hostHeader?: string
}

/** The application's own address. */
interface Application {
  readonly origin: URL
  readonly proto: UriReference.Host["proto"]
  readonly hostHeader: string | undefined
  /** The path of `--to` without a slash at its end. */
  readonly base: string
}

/** How the visitor addresses the application. */
interface Visitor extends UriReference.Host {
  /** The part of the visitor's path that the relay has removed. */
  readonly prefix: string
}

/** One request, as both sides address it. */
interface Addresses {
  readonly app: Application
  /** Host and scheme that the application gets. */
  readonly inner: UriReference.Host
  readonly visitor: Visitor
}

const requestFields = AddressFields.byName(AddressFields.inRequests)
const responseFields = AddressFields.byName(AddressFields.inResponses)
const hostFields = AddressFields.byName(AddressFields.withHost)
const cookieField = AddressFields.byName([AddressFields.setCookie])

const addressesOf = (app: Application, { headers }: RequestHead): Addresses => {
  const host = first(headers, "host")
  return {
    app,
    inner: { proto: app.proto, host: app.hostHeader ?? host ?? app.origin.host },
    visitor: {
      proto: first(headers, "x-forwarded-proto") === "https" ? "https" : "http",
      host: first(headers, "x-forwarded-host") ?? host ?? "",
      prefix: first(headers, "x-forwarded-prefix") ?? "",
    },
  }
}

/**
 * A reference of the visitor to a resource of the application, for the application. Its scheme and
 * host change only if the application gets another Host: many compare them with X-Forwarded-Proto.
 */
const toApplication =
  ({ app, inner, visitor }: Addresses): AddressSyntax.Move =>
  (text) => {
    const reference = UriReference.parse(text)
    if (reference === undefined || !UriReference.isOn(reference, visitor)) return text
    const isPath = reference.host === undefined
    const start =
      app.hostHeader === undefined || isPath ? reference.start : `${inner.proto}://${inner.host}`
    return UriReference.join(start, app.base + reference.path, inner)
  }

/**
 * A reference of the application for the visitor, or for the relay to put below its prefix.
 *
 * @param ownStart what the path of one that names the application's own host is put behind
 */
const toVisitor =
  ({ app, inner, visitor }: Addresses, ownStart = ""): AddressSyntax.Move =>
  (text) => {
    const reference = UriReference.parse(text)
    if (reference === undefined) return text
    const { base, origin } = app
    const { path, start } = reference
    const isBelow = base !== "" && UriReference.isBelow(path, base)
    const moved = isBelow ? UriReference.rebase(path, base, visitor.prefix) : path
    if (UriReference.isOn(reference, visitor)) {
      if (isBelow) return UriReference.join(start, moved, visitor)
      // Browsers read `http:/x` as a path only where the scheme is that of the page.
      return reference.host === undefined && !text.startsWith("/") ? path : text
    }
    const isOwn =
      UriReference.isOn(reference, inner) ||
      UriReference.isOn(reference, { proto: app.proto, host: origin.host }) ||
      isSameLoopback(reference, origin)
    if (!isOwn || (visitor.host === "" && UriReference.looksLikeHost(moved))) return text
    return UriReference.join(ownStart, moved, visitor)
  }

const loopbackNames = /^(?:(?:[^/]+\.)?localhost\.?|127(?:\.\d+){3}|0\.0\.0\.0|\[::1?\])$/

const portOf = ({ port, protocol }: URL): string =>
  port === "" ? (protocol === "https:" ? "443" : "80") : port

/**
 * Whether a reference names the application by another name of this machine, as
 * programs do that print the address on which they listen. The scheme may
 * differ: they believe `X-Forwarded-Proto`.
 */
const isSameLoopback = ({ host, proto }: UriReference.Reference, origin: URL): boolean => {
  const url = URL.parse(`${proto ?? "http"}://${host}`)
  return (
    url !== null &&
    loopbackNames.test(url.hostname) &&
    loopbackNames.test(origin.hostname) &&
    portOf(url) === portOf(origin)
  )
}

/** Whether a reference is of the page's own origin, with the same scheme (RFC 6454 4). */
const isSameOrigin = (reference: UriReference.Reference, visitor: Visitor): boolean =>
  reference.proto === visitor.proto && UriReference.isOn(reference, visitor)

/**
 * Origin and Referer follow the Host that `host_header` sets, because an
 * application compares them to refuse forged requests. Those of other sites stay
 * as they are, so that they are still refused.
 */
const withHost = (headers: HeaderList, { app, inner, visitor }: Addresses): HeaderList =>
  headers.map((header): Header => {
    const [name, value] = header
    if (hostFields.get(name) === undefined) return header
    const reference = UriReference.parse(value)
    if (reference === undefined || !isSameOrigin(reference, visitor)) return header
    const own = `${inner.proto}://${inner.host}`
    if (value.length === reference.start.length) return [name, own]
    const { path } = reference
    // A Referer of `Referrer-Policy: origin` does not name the page.
    if (path === "/") return [name, `${own}/`]
    return UriReference.isBelow(path, visitor.prefix)
      ? [name, own + UriReference.rebase(path, visitor.prefix, app.base)]
      : header
  })

/**
 * X-Forwarded-Prefix is what is missing before the path that the application
 * sees. With a path of `--to`, that is less than what the relay has removed.
 */
const withoutBase = (headers: HeaderList, base: string): HeaderList =>
  headers.flatMap((header): ReadonlyArray<Header> => {
    const [name, value] = header
    if (name.toLowerCase() !== "x-forwarded-prefix") return [header]
    const rest = value.endsWith(base) ? value.slice(0, -base.length) : ""
    return rest === "" ? [] : [[name, rest]]
  })

/**
 * Whether some application could read a path as one above `/`: with dot segments
 * that are percent-encoded, have parameters, or stand between backslashes or
 * encoded slashes.
 */
const leadsOut = (target: string): boolean => {
  let depth = 0
  for (const segment of UriReference.withoutQuery(target).split("/")) {
    const names = segment
      .split(/\\|%5c|%2f/i)
      .map((part) => part.replace(/;.*/s, "").replaceAll(/%2e/gi, "."))
    depth -= names.filter((name) => name === "..").length
    if (depth < 0) return true
    if (names.some((name) => name !== "" && name !== "." && name !== "..")) depth += 1
  }
  return false
}

const outside = new ExchangeError({
  code: "PTTH_BAD_REQUEST",
  detail: "its path leads out of the path that `--to` names",
})

/** The request for the application; `undefined` if it leads out of the path of `--to`. */
const requestOf = (head: RequestHead, addresses: Addresses): RequestHead | undefined => {
  const { base, hostHeader } = addresses.app
  const { method, target } = head
  const move = toApplication(addresses)
  let leads = base !== "" && leadsOut(target)
  const fields = AddressFields.moved(head.headers, requestFields, (text) => {
    const moved = move(text)
    leads ||= base !== "" && moved !== text && leadsOut(UriReference.parse(text)?.path ?? "")
    return moved
  })
  if (leads) return undefined
  const withOrigin = hostHeader === undefined ? fields : withHost(fields, addresses)
  const withPrefix = base === "" ? withOrigin : withoutBase(withOrigin, base)
  const headers = isRebased(addresses) ? Multistatus.readable(method, withPrefix) : withPrefix
  return { method, target: target.startsWith("/") ? base + target : target, headers }
}

/** Whether the application knows itself by another path than its visitors. */
const isRebased = ({ app, visitor }: Addresses): boolean =>
  app.base !== "" && app.base !== visitor.prefix

/** The reply, unless it is a listing with the path of `--to`, which visitors do not know. */
const checkedReply = (method: string, addresses: Addresses, reply: Reply): Reply => {
  const { app, visitor } = addresses
  if (!isRebased(addresses)) return reply
  return checked(
    method,
    reply,
    (path) =>
      !UriReference.isBelow(path, app.base) ||
      (visitor.prefix !== "" && Multistatus.hasPrefix(path, visitor.prefix)),
  )
}

const responseHeaders = (headers: HeaderList, addresses: Addresses): HeaderList => {
  const { app, visitor } = addresses
  const { host, proto } = addresses.visitor
  const moved = AddressFields.moved(
    headers,
    responseFields,
    toVisitor(addresses),
    toVisitor(addresses, host === "" ? "" : `${proto}://${host}`),
  )
  if (app.base === "") return moved
  return AddressFields.moved(moved, cookieField, (path) =>
    UriReference.isBelow(path, app.base)
      ? UriReference.rebase(path, app.base, visitor.prefix)
      : path,
  )
}

/** The handler with the addresses of requests and responses mapped; see the file's header. */
export const mapped = (options: UpstreamAddressOptions, handler: Handler): Handler => {
  const { hostHeader, origin } = options
  const app: Application = {
    origin,
    proto: origin.protocol === "https:" ? "https" : "http",
    hostHeader,
    base: origin.pathname.replace(/\/+$/, ""),
  }
  const mapsAll = app.base !== "" || hostHeader !== undefined
  return (head, body, reply) => {
    if (!mapsAll && !requestFields.isIn(head.headers))
      return handler(head, body, new MappedReply(app, head, reply))
    const addresses = addressesOf(app, head)
    const request = requestOf(head, addresses)
    if (request === undefined) return refuse(body, reply, outside)
    const checkedByPath = checkedReply(head.method, addresses, reply)
    return handler(request, body, new MappedReply(app, head, checkedByPath))
  }
}

/** The reply with the addresses of its fields mapped. Most responses have no such fields. */
class MappedReply extends ReplyWrapper {
  private readonly app: Application
  /** As the visitor has sent it. */
  private readonly head: RequestHead

  constructor(app: Application, head: RequestHead, reply: Reply) {
    super(reply)
    this.app = app
    this.head = head
  }

  override inform(head: InterimHead): void {
    super.inform(this.mapped(head))
  }

  override respond(head: ResponseHead, body: Body, sent?: () => void): void {
    super.respond(this.mapped(head), body, sent)
  }

  private mapped(response: ResponseHead): ResponseHead {
    const { app, head } = this
    const { headers, status } = response
    const hasAddresses =
      responseFields.isIn(headers) || (app.base !== "" && cookieField.isIn(headers))
    return hasAddresses
      ? { status, headers: responseHeaders(headers, addressesOf(app, head)) }
      : response
  }
}

/**
 * A visitor's header fields as the server, or the application beside the
 * relay, receives them: without those of the connection, without secrets that
 * are meant for the relay, and with what the relay knows of the visitor.
 */
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import type { Header, HeaderList } from "../../domain/HeaderList.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import * as Forwarded from "../../protocol/http/Forwarded.ts"
import * as HopByHop from "../../protocol/http/HopByHop.ts"
import * as PathPrefix from "../../protocol/http/PathPrefix.ts"
import { header } from "../../protocol/Wire.ts"
import type { FrontRequest } from "../../transport/front/FrontRequest.ts"
import type { DerivedConfig } from "../settings/DerivedConfig.ts"
import { clientAddress, isTrusted } from "../settings/TrustedProxies.ts"
import * as PrivateCookies from "./PrivateCookies.ts"
import * as VisitorAuth from "./VisitorAuth.ts"

const connectionOf = (
  config: RelayConfig,
  { address, head, secure }: FrontRequest,
): Forwarded.Visitor => {
  const trusted = isTrusted(config.trustedProxies, address)
  const client = trusted ? clientAddress(config.trustedProxies, address, head.headers) : address
  return { address, secure, trusted, client }
}

/** How the visitor addresses what lies below a prefix of the relay's paths. */
export const originSeen = (
  config: RelayConfig,
  request: FrontRequest,
  prefix: string,
): Forwarded.PublicAddress =>
  Forwarded.publicAddress(request.head.headers, connectionOf(config, request), prefix)

/** The fields that are passed on, and how the visitor addresses the one who receives them. */
export interface ForwardedFields {
  readonly headers: HeaderList
  readonly seen: Forwarded.PublicAddress
}

/**
 * Makes the fields that are passed on.
 *
 * @param prefix the part of the visitor's path that the receiver does not see
 * @param server `undefined` for the application beside the relay
 */
export const forward = (
  derived: DerivedConfig,
  request: FrontRequest,
  prefix: string,
  server: ServerName | undefined,
): ForwardedFields => {
  const { headers } = request.head
  const { config } = derived
  const connection = connectionOf(config, request)
  const seen = Forwarded.publicAddress(headers, connection, prefix)
  const withoutCookies = PrivateCookies.strip(config, endToEndFields(headers, request.upgrade))
  const withoutSecrets = VisitorAuth.strip(derived, server, withoutCookies)
  const moved = prefix === "" ? withoutSecrets : PathPrefix.remove(withoutSecrets, seen)
  return { headers: Forwarded.apply(moved, connection, seen), seen }
}

/** The fields that are not this connection's (RFC 9110 7.6.1), without any key of a server. */
const endToEndFields = (headers: HeaderList, upgrade: boolean): HeaderList => {
  const fields: Array<Header> = HopByHop.strip(headers).filter(([name]) => !isKey(name))
  if (HopByHop.takesTrailers(headers)) fields.push(["TE", "trailers"])
  const protocol = upgrade ? HopByHop.upgradeOf(headers) : undefined
  if (protocol !== undefined) fields.push(["Connection", "Upgrade"], ["Upgrade", protocol])
  return fields
}

/** Underscores count as hyphens: CGI and WSGI applications cannot tell them apart. */
const isKey = (name: string): boolean =>
  name.length === header.apiKey.length && name.toLowerCase().replaceAll("_", "-") === header.apiKey

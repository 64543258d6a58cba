/**
 * The connection of a visitor's request, and the address at which the visitor
 * sees the relay, from a trusted proxy's fields where there is one.
 */
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import * as Forwarded from "../../protocol/http/Forwarded.ts"
import type { FrontRequest } from "../../transport/front/FrontRequest.ts"
import { clientAddress, isTrusted } from "./TrustedProxies.ts"

/** The connection on which a request arrived. */
export const connectionOf = (
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

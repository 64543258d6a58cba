/**
 * A visitor's header fields as the server, or the application beside the
 * relay, receives them: without those of the connection, without secrets that
 * are meant for the relay, and with what the relay knows of the visitor.
 */

import type { HeaderList } from "../../domain/HeaderList.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import type { Identity } from "../../domain/visitor/AllowList.ts"
import * as Forwarded from "../../protocol/http/Forwarded.ts"
import * as HopByHop from "../../protocol/http/HopByHop.ts"
import * as PathPrefix from "../../protocol/http/PathPrefix.ts"
import { header } from "../../protocol/Wire.ts"
import { type Body, withoutTrailers } from "../../transport/body/Body.ts"
import type { FrontRequest } from "../../transport/front/FrontRequest.ts"
import type { DerivedConfig } from "../settings/DerivedConfig.ts"
import { connectionOf } from "../settings/VisitorConnection.ts"
import * as IdentityFields from "../signin/IdentityFields.ts"
import * as PrivateCookies from "./PrivateCookies.ts"
import * as Routes from "./Routes.ts"
import * as VisitorAuth from "./VisitorAuth.ts"

/** The fields that are passed on, and how the visitor addresses the one who receives them. */
export interface ForwardedFields {
  readonly headers: HeaderList
  readonly publicAddress: Forwarded.PublicAddress
}

/**
 * Makes the fields that are passed on.
 *
 * @param prefix the part of the visitor's path that the receiver does not see
 * @param server `undefined` for the application beside the relay
 * @param identity who the visitor is, if it was let in because it has signed in
 */
export const forward = (
  derived: DerivedConfig,
  request: FrontRequest,
  prefix: string,
  server: ServerName | undefined,
  identity?: Identity | undefined,
): ForwardedFields => {
  const { headers } = request.head
  const { config } = derived
  const connection = connectionOf(config, request)
  const publicAddress = Forwarded.publicAddress(headers, connection, prefix)
  const fields = HopByHop.endToEnd(headers, request.upgrade, isOfTunnel)
  const withoutCookies = PrivateCookies.strip(config, fields)
  const withoutSecrets = VisitorAuth.strip(derived, server, withoutCookies)
  const moved =
    prefix === "" ? withoutSecrets : withoutPrefix(withoutSecrets, publicAddress, prefix)
  const forwarded = Forwarded.apply(moved, connection, publicAddress)
  return {
    headers: identity === undefined ? forwarded : [...forwarded, ...IdentityFields.of(identity)],
    publicAddress,
  }
}

const withoutPrefix = (
  headers: HeaderList,
  address: Forwarded.PublicAddress,
  prefix: string,
): HeaderList => {
  const outer = address.prefix.slice(0, -prefix.length)
  return PathPrefix.remove(headers, address, () =>
    Routes.equivalents(prefix).map((own) => outer + own),
  )
}

/**
 * The body that is passed on: its trailers have no field either in which a
 * proxy names the visitor, since some applications read them as the head's.
 */
export const bodyOf = ({ authSecrets }: DerivedConfig, body: Body): Body =>
  authSecrets === undefined || authSecrets.headers.size === 0 || body.length !== undefined
    ? body
    : withoutTrailers(body, (name) => VisitorAuth.isNaming(authSecrets, name))

/** Whether a field is a key of a server, or says for which name of a link a request is, which only the relay says. */
const isOfTunnel = (name: string): boolean =>
  isField(name, header.apiKey) || isField(name, header.service)

/** Underscores count as hyphens: CGI and WSGI applications cannot tell them apart. */
const isField = (name: string, field: string): boolean =>
  name.length === field.length && name.toLowerCase().replaceAll("_", "-") === field

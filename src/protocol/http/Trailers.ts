/**
 * Which fields are allowed as trailers. A recipient may merge trailers with the
 * head, so fields for framing, routing, authentication, request modifiers and
 * content are not allowed (RFC 9110 6.5.1). Neither are fields that only the
 * relay may set, or that are moved or removed in heads.
 */
import { apiKeyField } from "../../domain/ApiKey.ts"
import type { HeaderList } from "../../domain/HeaderList.ts"
import * as AddressFields from "../address/AddressFields.ts"
import { allExcept } from "./ConnectionFields.ts"
import { isClaim, isIdentity } from "./Forwarded.ts"

const forbidden = allExcept(
  [],
  [
    "age",
    "authorization",
    "cache-control",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "expect",
    "expires",
    "host",
    "max-forwards",
    "pragma",
    "range",
    "retry-after",
    "set-cookie",
    "trailer",
    "vary",
    apiKeyField,
  ],
)

const forbiddenAddresses = new AddressFields.NameTable([
  ...[...AddressFields.inResponses, ...AddressFields.inRequests, ...AddressFields.withHost].map(
    ({ name }) => [name, true] as const,
  ),
  ...[...AddressFields.originWide, ...AddressFields.proxyOrders].map(
    (name) => [name, true] as const,
  ),
])

/** The trailers that may be passed on. */
export const passable = (trailers: HeaderList): HeaderList =>
  trailers.filter(([name]) => {
    const lower = name.toLowerCase().replaceAll("_", "-")
    return (
      !forbidden.has(lower) &&
      forbiddenAddresses.get(lower) === undefined &&
      !lower.startsWith("if-") &&
      !isClaim(lower) &&
      !isIdentity(lower)
    )
  })

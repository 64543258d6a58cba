/**
 * Which fields may stand behind a body. A recipient may merge them with those
 * of the head, so what frames, routes, authenticates or describes a message
 * has no place there (RFC 9110 6.5.1), and what only the relay may say of a
 * visitor has none either.
 */
import { apiKeyField } from "../../domain/ApiKey.ts"
import type { HeaderList } from "../../domain/HeaderList.ts"
import { allExcept } from "./ConnectionFields.ts"
import { isClaim } from "./Forwarded.ts"

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
    "location",
    "max-forwards",
    "pragma",
    "range",
    "retry-after",
    "set-cookie",
    "trailer",
    "vary",
    "www-authenticate",
    apiKeyField,
  ],
)

/** The trailer fields that may go on. */
export const passable = (trailers: HeaderList): HeaderList =>
  trailers.filter(([name]) => {
    const plain = name.toLowerCase().replaceAll("_", "-")
    return !forbidden.has(plain) && !plain.startsWith("if-") && !isClaim(plain)
  })

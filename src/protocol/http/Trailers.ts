/**
 * Which fields are allowed as trailers. A recipient may merge trailers with the
 * head, so fields for framing, routing, authentication, request modifiers and
 * content are not allowed (RFC 9110 6.5.1), nor those that only the relay may
 * set.
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

/** The trailers that may be passed on. */
export const passable = (trailers: HeaderList): HeaderList =>
  trailers.filter(([name]) => {
    const lower = name.toLowerCase().replaceAll("_", "-")
    return !forbidden.has(lower) && !lower.startsWith("if-") && !isClaim(lower)
  })

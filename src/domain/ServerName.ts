/**
 * The name a server is known by on its relay, and the segment of the visitor's
 * path that selects it.
 *
 * Names are matched on the raw bytes of the request target: they need no
 * escaping, so there is only one way to spell each of them.
 */
import * as Schema from "effect/Schema"

const pattern = /^[A-Za-z0-9_-]{1,63}$/

/** 1 to 63 of `A-Z a-z 0-9 - _` (protocol.md, URLs). */
export const ServerName = Schema.String.check(
  Schema.isPattern(pattern, {
    message: "a server name is 1 to 63 of the characters A-Z a-z 0-9 - _",
  }),
).pipe(Schema.brand("ServerName"))

/** A valid server name. */
export type ServerName = typeof ServerName.Type

/** Whether `text` is a valid server name. */
export const isServerName = (text: string): text is ServerName => pattern.test(text)

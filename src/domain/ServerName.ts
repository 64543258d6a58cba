/**
 * The name of a server on its relay, which is also the path segment by which
 * visitors select it.
 *
 * Names are compared with the raw bytes of the request target. They need no
 * percent-encoding, so each name has one spelling only.
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

/** Whether `text` is a {@link ServerName}. */
export const isServerName = (text: string): text is ServerName => pattern.test(text)

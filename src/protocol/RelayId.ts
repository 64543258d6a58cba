/**
 * The id of a relay among those that serve as one: of a process, so the workers
 * of a machine have different ones.
 */
import * as Schema from "effect/Schema"

const pattern = /^[A-Za-z0-9._-]{1,80}$/

/** 1 to 80 of `A-Z a-z 0-9 . _ -`. */
export const RelayId = Schema.String.check(Schema.isPattern(pattern))

/** Whether `text` is the id of a relay. */
export const isRelayId = (text: string): boolean => pattern.test(text)

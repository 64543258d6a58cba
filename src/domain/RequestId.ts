/**
 * Request ids: ULIDs, which have 48 bits of time and 80 random bits in 26
 * characters of Crockford base32.
 */
import { randomFillSync } from "node:crypto"
import * as Schema from "effect/Schema"

const pattern = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/

/** A ULID in its canonical upper-case form. */
export const RequestId = Schema.String.check(Schema.isPattern(pattern)).pipe(
  Schema.brand("RequestId"),
)

/** A request id. */
export type RequestId = typeof RequestId.Type

/** Whether `text` is a {@link RequestId}. */
export const isRequestId = (text: string): text is RequestId => pattern.test(text)

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
const poolSize = 8192
const pool = Buffer.alloc(poolSize)
let poolAt = poolSize
let timeOf = -1
let timeText = ""

const encodeTime = (millis: number): string => {
  if (millis === timeOf) return timeText
  let rest = millis
  let text = ""
  for (let i = 0; i < 10; i++) {
    text = alphabet.charAt(rest % 32) + text
    rest = Math.floor(rest / 32)
  }
  timeOf = millis
  timeText = text
  return text
}

/** How many relays of a cluster the ids of requests can distinguish. */
export const slots = 1024

/**
 * Makes a new id.
 *
 * @param millis its time, in milliseconds since 1970
 * @param slot of the relay that gives it out, which two of the random characters then say
 */
export const make = (millis: number, slot?: number): RequestId => {
  if (poolAt + 16 > poolSize) {
    randomFillSync(pool)
    poolAt = 0
  }
  let text = encodeTime(millis)
  if (slot !== undefined) text += alphabet.charAt((slot >> 5) & 31) + alphabet.charAt(slot & 31)
  for (let i = slot === undefined ? 0 : 2; i < 16; i++)
    text += alphabet[(pool[poolAt + i] as number) & 31]
  poolAt += 16
  return text as RequestId
}

/** The slot of the relay that gave out an id; any number if it has none. */
export const slotOf = (id: RequestId): number =>
  alphabet.indexOf(id.charAt(10)) * 32 + alphabet.indexOf(id.charAt(11))

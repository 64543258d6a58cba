/**
 * The public fingerprint of an API key, which a relay's configuration has in
 * place of the key.
 */
import * as Schema from "effect/Schema"

const pattern = /^[A-Za-z0-9+/]{43}=$/

/** Standard padded base64 of 32 bytes: the BLAKE3 hash of an API key. */
export const Tripcode = Schema.String.check(
  Schema.isPattern(pattern, {
    message: "a tripcode is the 44 characters that `ptth hash-api-key` prints",
  }),
).pipe(Schema.brand("Tripcode"))

/** A well-formed tripcode. */
export type Tripcode = typeof Tripcode.Type

/** Whether `text` is a well-formed tripcode. */
export const isTripcode = (text: string): text is Tripcode => pattern.test(text)

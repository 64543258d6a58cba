/**
 * Texts that only relays with the same secret can make and read: what a relay
 * has to remember of a visitor stands, encrypted, in the visitor's own cookies
 * and addresses, so that any worker and any relay of a cluster can go on.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { Oidc } from "../../domain/config/OidcKeys.ts"

const algorithm = "aes-256-gcm"
/** The bytes of the nonce (NIST SP 800-38D 8.2.2: random, so for at most 2^32 texts). */
const nonceBytes = 12
const tagBytes = 16

/** What a text is for, and its fields. A text for one purpose is not accepted for another. */
export interface Sealed<A> {
  readonly purpose: string
  readonly schema: Schema.Codec<A>
}

/** Seals and opens texts with one key. */
export class Seal {
  private readonly key: Uint8Array

  constructor({ clientId, clientSecret, issuer }: Oidc) {
    const info = `ptth sign-in 1 ${issuer} ${clientId}`
    this.key = new Uint8Array(hkdfSync("sha256", Redacted.value(clientSecret), "", info, 32))
  }

  /**
   * Encrypts a value.
   *
   * @param place where alone it is accepted, such as an origin
   */
  seal<A>({ purpose }: Sealed<A>, value: A, place: string): string {
    const nonce = randomBytes(nonceBytes)
    const cipher = createCipheriv(algorithm, this.key, nonce)
    cipher.setAAD(Buffer.from(`${purpose} ${place}`))
    const text = JSON.stringify(value)
    return Buffer.concat([
      nonce,
      cipher.update(text, "utf8"),
      cipher.final(),
      cipher.getAuthTag(),
    ]).toString("base64url")
  }

  /** The value of a text that was sealed for this purpose and place; `undefined` for any other text. */
  open<A>({ purpose, schema }: Sealed<A>, text: string, place: string): A | undefined {
    const bytes = Buffer.from(text, "base64url")
    if (bytes.length < nonceBytes + tagBytes) return undefined
    const decipher = createDecipheriv(algorithm, this.key, bytes.subarray(0, nonceBytes), {
      authTagLength: tagBytes,
    })
    decipher.setAAD(Buffer.from(`${purpose} ${place}`))
    decipher.setAuthTag(bytes.subarray(-tagBytes))
    try {
      const json =
        decipher.update(bytes.subarray(nonceBytes, -tagBytes), undefined, "utf8") +
        decipher.final("utf8")
      return Option.getOrUndefined(Schema.decodeUnknownOption(schema)(JSON.parse(json)))
    } catch {
      return undefined
    }
  }
}

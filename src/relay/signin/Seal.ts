/**
 * Values that only relays with the same secret can make and read. A relay stores
 * what it has to remember of a visitor, encrypted, in the visitor's own cookies
 * and addresses, so that any worker and any relay of a cluster can continue.
 */
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { Oidc } from "../../domain/config/OidcKeys.ts"
import * as SealedText from "../../transport/auth/SealedText.ts"

/** What a text is for, and its fields. A text for one purpose is not accepted for another. */
export interface Sealed<A> {
  readonly purpose: string
  readonly schema: Schema.Codec<A>
}

/** Seals and opens values with one key. */
export class Seal {
  private readonly key: Uint8Array

  constructor({ clientId, clientSecret, issuer }: Oidc) {
    const purpose = `ptth sign-in 1 ${issuer} ${clientId}`
    this.key = SealedText.keyOf(Redacted.value(clientSecret), purpose)
  }

  /**
   * Encrypts a value.
   *
   * @param place where alone it is accepted, such as an origin
   */
  seal<A>({ purpose }: Sealed<A>, value: A, place: string): string {
    const text = JSON.stringify(value)
    return SealedText.seal(this.key, `${purpose} ${place}`, text).toString("base64url")
  }

  /** The value of a text that was sealed for this purpose and place; `undefined` for any other text. */
  open<A>({ purpose, schema }: Sealed<A>, text: string, place: string): A | undefined {
    const bytes = Buffer.from(text, "base64url")
    const json = SealedText.open(this.key, `${purpose} ${place}`, bytes)
    return json === undefined
      ? undefined
      : Option.getOrUndefined(Schema.decodeUnknownOption(Schema.fromJsonString(schema))(json))
  }
}

/**
 * Sealed texts: made and read with one secret, for one purpose and place.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import type { Oidc } from "../../../src/domain/config/OidcKeys.ts"
import { Seal } from "../../../src/relay/signin/Seal.ts"
import * as Tokens from "../../../src/relay/signin/Tokens.ts"

const oidc: Oidc = {
  issuer: "https://login.example",
  clientId: "ptth",
  clientSecretFile: "",
  clientSecret: Redacted.make("a-secret-of-some-length"),
  allow: ["*"],
  scopes: [],
  userClaim: "sub",
  groupsClaim: "groups",
  unverifiedEmail: false,
  session: Duration.hours(1),
}

const session: Tokens.Session = { id: "1", user: "ünal", groups: ["a"], until: 5 }
const place = "https://relay.example"

describe("a sealed text", () => {
  const seal = new Seal(oidc)
  const text = seal.seal(Tokens.session, session, place)

  it("is opened by every relay with the same secret", () => {
    assert.deepStrictEqual(new Seal({ ...oidc }).open(Tokens.session, text, place), session)
  })

  it("says nothing to others, and is another one each time", () => {
    assert.notInclude(Buffer.from(text, "base64url").toString("latin1"), "user")
    assert.notStrictEqual(seal.seal(Tokens.session, session, place), text)
  })

  it("is not opened with another secret, client or issuer", () => {
    for (const other of [
      { clientSecret: Redacted.make("another-secret-of-some-length") },
      { clientId: "other" },
      { issuer: "https://other.example" },
    ])
      assert.isUndefined(new Seal({ ...oidc, ...other }).open(Tokens.session, text, place))
  })

  it("is not accepted elsewhere or for something else", () => {
    assert.isUndefined(seal.open(Tokens.session, text, "https://other.example"))
    assert.isUndefined(seal.open(Tokens.leave, text, place))
    assert.isDefined(seal.open({ ...Tokens.session }, text, place))
  })

  it("is not opened once a bit is changed or a byte is missing", () => {
    const bytes = Buffer.from(text, "base64url")
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] as number) ^ 1
      assert.isUndefined(seal.open(Tokens.session, changed.toString("base64url"), place))
      const short = bytes.subarray(0, at).toString("base64url")
      assert.isUndefined(seal.open(Tokens.session, short, place))
    }
    assert.isUndefined(seal.open(Tokens.session, "", place))
  })
})

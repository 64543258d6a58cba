/**
 * Who a visitor is by the claims of a provider.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import type { Oidc } from "../../../src/domain/config/OidcKeys.ts"
import { identityOf } from "../../../src/relay/signin/Provider.ts"

const oidc: Oidc = {
  issuer: "https://login.example",
  clientId: "ptth",
  clientSecretFile: "secret",
  clientSecret: Redacted.make("a secret of a provider"),
  allow: ["*"],
  scopes: ["openid"],
  userClaim: "sub",
  groupsClaim: "groups",
  unverifiedEmail: false,
  session: Duration.hours(1),
}

const groupsBy = (groupsClaim: string, claims: { readonly [claim: string]: unknown }) =>
  identityOf({ ...oidc, groupsClaim }, { sub: "ann", ...claims }, new Set()).groups

describe("the groups of a visitor", () => {
  it("are a list, or a single one", () => {
    assert.deepStrictEqual(groupsBy("groups", { groups: ["a", "b", "a"] }), ["a", "b"])
    assert.deepStrictEqual(groupsBy("groups", { groups: "staff" }), ["staff"])
    assert.deepStrictEqual(groupsBy("groups", { groups: [1, null, { name: "a" }, ""] }), [])
    assert.deepStrictEqual(groupsBy("groups", {}), [])
  })

  it("may be within objects, where dots lead", () => {
    const claims = { realm_access: { roles: ["admin"] }, "https://app.example/roles": ["owner"] }
    assert.deepStrictEqual(groupsBy("realm_access.roles", claims), ["admin"])
    assert.deepStrictEqual(groupsBy("https://app.example/roles", claims), ["owner"])
    for (const name of ["realm_access.users", "realm_access.roles.length", "sub.length", "a.b"])
      assert.deepStrictEqual(groupsBy(name, claims), [], name)
  })
})

describe("the user", () => {
  it("is the claim that is asked for, and has to be there", () => {
    const claims = { sub: "1", profile: { name: "ann" } }
    assert.strictEqual(identityOf(oidc, claims, new Set()).user, "1")
    const named = { ...oidc, userClaim: "profile.name" }
    assert.strictEqual(identityOf(named, claims, new Set()).user, "ann")
    assert.throws(() => identityOf({ ...oidc, userClaim: "upn" }, claims, new Set()), /`upn`/)
  })
})

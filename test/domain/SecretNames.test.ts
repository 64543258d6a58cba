import { assert, describe, it } from "@effect/vitest"
import * as SecretNames from "../../src/domain/SecretNames.ts"

describe("a text without tokens", () => {
  it.each([
    ["/a?x=eyJhbGciOi.payload.signature&y=1", "/a?x=***&y=1"],
    ["session-eyJhbGciOi.payload.signature", "session-***"],
    ["eyJa-eyJhbGciOi.payload.", "***"],
    ["a.b.c.d.eyJhbGciOi.p.s", "a.b.c.d.***"],
    ["eyJhbGciOi..iv.text.tag/eyJhbGciOi.p.s", "***/***"],
    ["/keyJhbGciOi.payload.signature", "/keyJhbGciOi.payload.signature"],
    ["eyJhbGciOi.payload", "eyJhbGciOi.payload"],
  ])("%s is %s", (text, expected) => {
    assert.strictEqual(SecretNames.withoutTokens(text), expected)
  })

  it.each([
    ["/reset-password/4f8a9c0d1e2f3a4b5c6d?a=1", "/reset-password/***?a=1"],
    ["/accounts/reset/MQ/c4x-5f0e3c9f1d2b3a4c5d6e/", "/accounts/reset/MQ/***/"],
    ["https://a.example/invitations/ab12cd34ef56ab12cd34", "https://a.example/invitations/***"],
    ["/webhooks/deploy/0123456789abcdef0123456789abcdef", "/webhooks/deploy/***"],
    ["/ical/ann/private-0123456789abcdef/basic.ics", "/ical/ann/private-***/basic.ics"],
    ["/a?passkey=b&device_code=c&hmac=d", "/a?passkey=***&device_code=***&hmac=***"],
    ["/reset/password/how-do-i-reset-my-password", "/reset/password/how-do-i-reset-my-password"],
    ["/tokens/2026-11-30/index.html", "/tokens/2026-11-30/index.html"],
    ["/verify/12345678901234567890", "/verify/12345678901234567890"],
  ])("of the address %s is %s", (target, expected) => {
    assert.strictEqual(SecretNames.withoutSecrets(target), expected)
  })

  it("takes time that grows with its length only", () => {
    // With the square of it, each would take half a minute.
    const length = 256 * 1024
    for (const part of [
      "eyJ-",
      "eyJ",
      "-",
      "eyJ-.",
      "a-",
      "ghp_",
      "ST-1-",
      "SG.a",
      "/share/a",
      "/reset",
      "/reset/a/",
      "/reset-a1",
      "/private-a",
    ]) {
      const text = part.repeat(length / part.length)
      assert.isAtMost(SecretNames.withoutSecrets(`/?${text}`).length, text.length + 2)
    }
  })
})

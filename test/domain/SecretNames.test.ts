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

  it("takes time that grows with its length only", () => {
    // With the square of it, each would take half a minute.
    const length = 256 * 1024
    for (const part of ["eyJ-", "eyJ", "-", "eyJ-.", "a-", "ghp_", "ST-1-", "SG.a", "/share/a"]) {
      const text = part.repeat(length / part.length)
      assert.isAtMost(SecretNames.withoutSecrets(`/?${text}`).length, text.length + 2)
    }
  })
})

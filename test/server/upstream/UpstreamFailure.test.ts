/**
 * What visitors and the server's owner are told of an application without a response.
 */
import { assert, it } from "@effect/vitest"
import { tlsAnswer } from "../../../src/protocol/http/OriginResponse.ts"
import * as UpstreamFailure from "../../../src/server/upstream/UpstreamFailure.ts"

const failure = (message: string, fields: Partial<NodeJS.ErrnoException> = {}) =>
  UpstreamFailure.make("app.lan:443", Object.assign(new Error(message), fields))

it("a certificate that is not trusted is not looked for in the application's log", () => {
  for (const code of ["DEPTH_ZERO_SELF_SIGNED_CERT", "ERR_TLS_CERT_ALTNAME_INVALID"]) {
    const { detail, ownerRemedy } = failure("verify", { code })
    assert.strictEqual(detail, `the certificate of app.lan:443 is not trusted (${code})`)
    assert.match(`${ownerRemedy}`, /--to-ca, .*--to-insecure/)
  }
})

it("an application without TLS is told from one that broke off", () => {
  const plain = failure("wrong version number", { code: "EPROTO" })
  assert.strictEqual(plain.detail, "app.lan:443 does not speak TLS (EPROTO)")
  assert.strictEqual(plain.ownerRemedy, "Use http:// in its address.")
  assert.isUndefined(failure("x", { code: "ECONNRESET" }).ownerRemedy)
})

it("what is no HTTP may be something else than the application", () => {
  assert.match(`${failure("it does not begin like a response").ownerRemedy}`, /correct its address/)
})

it("visitors are not told what the owner can do", () => {
  const { failure: visitors } = failure("verify", { code: "DEPTH_ZERO_SELF_SIGNED_CERT" })
  assert.notProperty(visitors, "ownerRemedy")
})

it("TLS where none is expected, the reverse, and an untrusted certificate have a code of their own", () => {
  for (const error of [
    failure("wrong version number", { code: "EPROTO" }),
    failure(tlsAnswer),
    UpstreamFailure.ofTls("app.lan:443"),
    failure("verify", { code: "CERT_HAS_EXPIRED" }),
  ])
    assert.strictEqual(error.code, "PTTH_ORIGIN_TLS")
  assert.strictEqual(failure(tlsAnswer).ownerRemedy, "Use https:// in its address.")
})

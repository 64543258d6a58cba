/**
 * Errors of TLS connections by their codes and words.
 */
import { assert, it } from "@effect/vitest"
import * as TlsFault from "../../../src/transport/net/TlsFault.ts"

it("a certificate that does not verify is told from a handshake that fails", () => {
  for (const code of ["DEPTH_ZERO_SELF_SIGNED_CERT", "CERT_HAS_EXPIRED", "HOSTNAME_MISMATCH"]) {
    assert.isTrue(TlsFault.isUntrusted(code), code)
    assert.isFalse(TlsFault.isHandshake(code), code)
  }
  for (const code of ["EPROTO", "ERR_SSL_WRONG_VERSION_NUMBER"]) {
    assert.isTrue(TlsFault.isHandshake(code), code)
    assert.isFalse(TlsFault.isUntrusted(code), code)
  }
  assert.isFalse(TlsFault.isUntrusted("ECONNRESET"))
})

it("an answer without TLS is told from other faults of a handshake", () => {
  assert.isTrue(TlsFault.isNoTls("SSL routines:ssl3_get_record:wrong version number"))
  assert.isFalse(TlsFault.isNoTls("sslv3 alert handshake failure"))
})

/**
 * When a certificate is valid, and which files are lists of certificates to trust.
 */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Certificate from "../../../src/transport/net/Certificate.ts"
import * as Proxies from "../../support/Proxies.ts"

const hasOpenssl = Proxies.isInstalled("openssl")

describe.skipIf(!hasOpenssl)(
  `a certificate${hasOpenssl ? "" : " (skipped: openssl is not installed)"}`,
  () => {
    it.effect("is invalid before its time and after it, which is said with both times", () =>
      Effect.gen(function* () {
        const { key, pem } = yield* Proxies.certificate
        const certificate = Certificate.make(pem, readFileSync(key, "utf8"))
        const { from, until } = Certificate.validityOf(certificate)
        assert.isUndefined(Certificate.untimelyIn(certificate, from))
        assert.isUndefined(Certificate.untimelyIn(certificate, until))
        const time = Certificate.timeOf
        assert.strictEqual(
          Certificate.untimelyIn(certificate, until + 1000),
          `the certificate expired on ${time(until)}; this machine's clock says ${time(until + 1000)}`,
        )
        assert.strictEqual(
          Certificate.untimelyIn(certificate, from - 1000),
          `the certificate is not valid before ${time(from)}; this machine's clock says ${time(from - 1000)}`,
        )
      }),
    )

    it.effect("in a chain makes the chain invalid", () =>
      Effect.gen(function* () {
        const first = yield* Proxies.certificate
        const chain = Certificate.make(`${first.pem}${first.pem}`, "")
        const { until } = Certificate.validityOf(chain)
        assert.match(`${Certificate.untimelyIn(chain, until + 1)}`, /^the certificate expired/)
        assert.isUndefined(Certificate.untimelyIn(chain, until))
      }),
    )

    it.effect("can be trusted, alone and among others, but neither a key nor a broken one", () =>
      Effect.gen(function* () {
        const { key, pem } = yield* Proxies.certificate
        const text = `a comment\n${pem}`
        assert.isUndefined(Certificate.faultOfTrusted(`${text}${text}`))
        assert.strictEqual(
          Certificate.faultOfTrusted(readFileSync(key, "utf8")),
          "contains no certificate",
        )
        assert.strictEqual(
          Certificate.faultOfTrusted(`${pem}${pem.replace(/\n.{10}/, "\nAAAAAAAAAA")}`),
          "has a certificate that cannot be read, number 2",
        )
      }),
    )
  },
)

/**
 * The self-signed certificate of a relay that has no other one yet: visitors are
 * warned by their browsers, instead of being told that nothing is here.
 */
import * as X509 from "../../transport/acme/X509.ts"
import type * as Certificate from "../../transport/net/Certificate.ts"
import type { DerivedConfig } from "../settings/DerivedConfig.ts"
import * as CertificateHosts from "./CertificateHosts.ts"

const day = 24 * 3_600_000

/** Makes one for the relay's own hosts; `now` is in milliseconds since 1970. */
export const make = (derived: DerivedConfig, now: number): Certificate.Certificate =>
  X509.selfSigned({
    names: CertificateHosts.ownPlans(derived).flatMap(({ names }) => names),
    title: "PTTH relay without a certificate yet",
    from: now - day,
    until: now + 365 * day,
  })

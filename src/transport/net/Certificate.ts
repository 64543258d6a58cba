/**
 * A certificate and its key for a listener that speaks TLS itself.
 */
import { createPrivateKey, X509Certificate } from "node:crypto"
import { createSecureContext } from "node:tls"
import * as Redacted from "effect/Redacted"

/** Both as PEM. */
export interface Certificate {
  /** The certificate, followed by the intermediate certificates. */
  readonly chain: string
  readonly key: Redacted.Redacted<string>
}

/** What is wrong, and in which of the two. */
export interface Fault {
  readonly part: "certificate" | "key"
  /** The rest of a sentence about the file, such as `is not a PEM certificate`. */
  readonly detail: string
}

/** Makes a certificate; its key prints as `<redacted:TLS key>`. */
export const make = (chain: string, key: string): Certificate => ({
  chain,
  key: Redacted.make(key, { label: "TLS key" }),
})

/** The options of `node:tls` for a certificate. */
export const options = ({ chain, key }: Certificate) => ({ cert: chain, key: Redacted.value(key) })

/** Why a certificate cannot be used; `undefined` if it can. */
export const faultOf = (certificate: Certificate): Fault | undefined => {
  const leaf = attempt(() => new X509Certificate(certificate.chain))
  if (leaf === undefined) return { part: "certificate", detail: "is not a PEM certificate" }
  const key = attempt(() => createPrivateKey(Redacted.value(certificate.key)))
  if (key === undefined) return { part: "key", detail: "is not a PEM key without a password" }
  if (!leaf.checkPrivateKey(key)) return { part: "key", detail: "is not that of the certificate" }
  const usable = attempt(() => createSecureContext(options(certificate)))
  return usable === undefined
    ? { part: "certificate", detail: "cannot be used together with its key" }
    : undefined
}

/** When a certificate expires, in milliseconds since 1970. */
export const validUntil = ({ chain }: Certificate): number =>
  Date.parse(new X509Certificate(chain).validTo)

const attempt = <A>(make: () => A): A | undefined => {
  try {
    return make()
  } catch {
    return undefined
  }
}

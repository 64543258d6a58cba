/**
 * A certificate and its key for a listener that speaks TLS itself.
 */
import { createPrivateKey, X509Certificate } from "node:crypto"
import { createSecureContext, type SecureContext } from "node:tls"
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

const contexts = new WeakMap<Certificate, SecureContext>()

/** The context of `node:tls` for a certificate, made once. */
export const contextOf = (certificate: Certificate): SecureContext => {
  const context = contexts.get(certificate) ?? createSecureContext(options(certificate))
  contexts.set(certificate, context)
  return context
}

/** Whether a certificate holds for a host. */
export const isFor = (certificate: Certificate, host: string): boolean => {
  let leaf = leaves.get(certificate)
  if (leaf === undefined) {
    leaf = new X509Certificate(certificate.chain)
    leaves.set(certificate, leaf)
  }
  return leaf.checkHost(host, { subject: "never" }) !== undefined
}

const leaves = new WeakMap<Certificate, X509Certificate>()

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

/** From when until when a certificate is valid, in milliseconds since 1970. */
export interface Validity {
  readonly from: number
  readonly until: number
}

/** The validity of a certificate. */
export const validityOf = ({ chain }: Pick<Certificate, "chain">): Validity => {
  const { validFrom, validTo } = new X509Certificate(chain)
  return { from: Date.parse(validFrom), until: Date.parse(validTo) }
}

const untimely = ({ from, until }: Validity, now: number): string | undefined => {
  if (now > until) return `expired on ${timeOf(until)}`
  return now < from ? `is not valid before ${timeOf(from)}` : undefined
}

/**
 * Why a certificate or one of its intermediate certificates is not valid at a
 * time in milliseconds since 1970, as a sentence; `undefined` if all are valid.
 */
export const untimelyIn = ({ chain }: Certificate, now: number): string | undefined => {
  for (const [number, text] of (chain.match(block) ?? []).entries()) {
    const fault = untimely(validityOf({ chain: text }), now)
    if (fault !== undefined)
      return `the ${number === 0 ? "certificate" : "intermediate certificate"} ${fault}; this machine's clock says ${timeOf(now)}`
  }
  return undefined
}

/** A time to the second, in UTC. */
export const timeOf = (millis: number): string =>
  new Date(millis).toISOString().replace(/\.\d+Z$/, "Z")

const block =
  /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]*-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g

/** Why a PEM file cannot be used as a list of certificates to trust, as the rest of a sentence; `undefined` if it can. */
export const faultOfTrusted = (pem: string): string | undefined => {
  const certificates = pem.match(block) ?? []
  if (certificates.length === 0)
    return pem.includes("-----BEGIN ")
      ? "contains no certificate"
      : "contains no PEM, which has lines such as -----BEGIN CERTIFICATE-----"
  const broken = certificates.findIndex(
    (text) => attempt(() => new X509Certificate(text)) === undefined,
  )
  return broken < 0 ? undefined : `has a certificate that cannot be read, number ${broken + 1}`
}

const attempt = <A>(make: () => A): A | undefined => {
  try {
    return make()
  } catch {
    return undefined
  }
}

/**
 * The challenges that are to be answered now: tokens for `http-01`, and
 * certificates for `tls-alpn-01`.
 */
import type * as Certificate from "../net/Certificate.ts"

/** Told of each certificate that is to be shown for a host; `undefined`: no longer. */
export type ChallengeListener = (
  host: string,
  certificate: Certificate.Certificate | undefined,
) => void

/** Of how many challenges answers are kept at most. */
const maxAnswers = 256

/** See the file's header. */
export class ChallengeTable {
  private readonly tokens = new Map<string, string>()
  private readonly certificates = new Map<string, Certificate.Certificate>()
  private readonly listeners = new Set<ChallengeListener>()

  /** The key authorization of a token. */
  token(token: string): string | undefined {
    return this.tokens.get(token)
  }

  /** The certificate for a connection that asks for the challenge of a host. */
  certificate(host: string): Certificate.Certificate | undefined {
    return this.certificates.get(host)
  }

  /** All certificates, by their hosts. */
  all(): ReadonlyArray<readonly [host: string, certificate: Certificate.Certificate]> {
    return [...this.certificates]
  }

  setToken(token: string, keyAuthorization: string | undefined): void {
    if (keyAuthorization === undefined) this.tokens.delete(token)
    else if (this.tokens.size < maxAnswers) this.tokens.set(token, keyAuthorization)
  }

  setCertificate(host: string, certificate: Certificate.Certificate | undefined): void {
    if (certificate === undefined) this.certificates.delete(host)
    else if (this.certificates.size < maxAnswers) this.certificates.set(host, certificate)
    for (const listener of this.listeners) listener(host, certificate)
  }

  /** Calls the listener for each change, until the returned function is called. */
  listen(listener: ChallengeListener): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }
}

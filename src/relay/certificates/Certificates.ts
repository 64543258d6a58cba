/**
 * The certificates that a relay has by ACME, as the front and the
 * administrator's side use them. By default there are none.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { CertificatePlan, CertificateStatus } from "../../transport/acme/CertificateKeeper.ts"
import type { IssueFailure } from "../../transport/acme/KeptCertificate.ts"
import type * as Certificate from "../../transport/net/Certificate.ts"

/** Told of changes; see {@link CertificatesShape}. */
export interface CertificateListener {
  /** There is a certificate of this id from now on. */
  readonly certificate?: (id: string, certificate: Certificate.Certificate) => void
  /** It is to be shown to an authority that checks this host; `undefined`: no longer. */
  readonly challenge?: (host: string, certificate: Certificate.Certificate | undefined) => void
  readonly fallback?: (certificate: Certificate.Certificate) => void
  /** An attempt is over; it failed if there is a failure. */
  readonly attempt?: (plan: CertificatePlan, failure: IssueFailure | undefined) => void
}

/** A certificate and the id or host that it is for. */
export type NamedCertificate = readonly [name: string, certificate: Certificate.Certificate]

/** What {@link Certificates} does. */
export interface CertificatesShape {
  /**
   * Calls `done` with the certificate for a host, or without one if the host is
   * not ours or there is none yet. May be later, while the certificate is obtained.
   */
  readonly find: (
    host: string,
    done: (certificate: Certificate.Certificate | undefined) => void,
  ) => void
  /** The certificate for an authority that checks the challenge `tls-alpn-01` of a host. */
  readonly challenge: (host: string) => Certificate.Certificate | undefined
  /** The answer to the challenge `http-01` with this token. */
  readonly token: (token: string) => Effect.Effect<string | undefined>
  /** For visitors who name no host of ours; `undefined` without ACME. */
  readonly fallback: () => Certificate.Certificate | undefined
  /** The relay serves from now on, so that an authority that checks a host finds it. */
  readonly start: () => void
  readonly statuses: () => ReadonlyArray<CertificateStatus>
  /** All certificates by their ids, and those of challenges by their hosts. */
  readonly all: () => ReadonlyArray<NamedCertificate>
  readonly challenges: () => ReadonlyArray<NamedCertificate>
  /** Calls the listener for each change, until the returned function is called. */
  readonly listen: (listener: CertificateListener) => () => void
}

/** No certificates. */
export const none: CertificatesShape = {
  find: (_host, done) => done(undefined),
  challenge: () => undefined,
  token: () => Effect.succeed(undefined),
  fallback: () => undefined,
  start: () => {},
  statuses: () => [],
  all: () => [],
  challenges: () => [],
  listen: () => () => {},
}

/** See the file's header. */
export const Certificates: Context.Reference<CertificatesShape> =
  Context.Reference<CertificatesShape>("ptth/relay/Certificates", { defaultValue: () => none })

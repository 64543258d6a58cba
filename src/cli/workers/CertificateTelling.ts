/**
 * Tells the workers of the certificates that their supervisor has by ACME.
 */
import * as Redacted from "effect/Redacted"
import type { CertificatesShape } from "../../relay/certificates/Certificates.ts"
import type * as Certificate from "../../transport/net/Certificate.ts"
import type * as WorkerMessage from "./WorkerMessage.ts"

type Told = Extract<WorkerMessage.ToWorker, { readonly kind: "certificate" }>
type Asked = Extract<WorkerMessage.FromWorker, { readonly kind: "certificates" | "wanted" }>

const message = (
  of: Told["of"],
  name: string,
  certificate: Certificate.Certificate | undefined,
): Told => ({
  kind: "certificate",
  of,
  name,
  pem: certificate && { chain: certificate.chain, key: Redacted.value(certificate.key) },
})

/** See the file's header. */
export class CertificateTelling {
  private readonly certificates: CertificatesShape

  /** @param tell sends to all workers */
  constructor(certificates: CertificatesShape, tell: (message: WorkerMessage.ToWorker) => void) {
    this.certificates = certificates
    certificates.listen({
      certificate: (id, certificate) => tell(message("id", id, certificate)),
      challenge: (host, certificate) => tell(message("challenge", host, certificate)),
      fallback: (certificate) => tell(message("fallback", "", certificate)),
    })
  }

  /** Answers a worker. */
  onMessage(asked: Asked, send: (message: WorkerMessage.ToWorker) => void): void {
    const { all, challenges, fallback, find } = this.certificates
    if (asked.kind === "wanted")
      return find(asked.host, () => send({ kind: "attempted", host: asked.host }))
    for (const [id, certificate] of all()) send(message("id", id, certificate))
    for (const [host, certificate] of challenges()) send(message("challenge", host, certificate))
    send(message("fallback", "", fallback()))
  }
}

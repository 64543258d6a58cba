/**
 * The certificates of a worker, of which its supervisor tells it.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as CertificateHosts from "../../relay/certificates/CertificateHosts.ts"
import {
  type CertificateListener,
  Certificates,
  none,
} from "../../relay/certificates/Certificates.ts"
import * as Provisional from "../../relay/certificates/Provisional.ts"
import { RelaySettings } from "../../relay/settings/RelaySettings.ts"
import * as Certificate from "../../transport/net/Certificate.ts"
import type * as WorkerMessage from "./WorkerMessage.ts"

/** How long the supervisor may take to tell of all certificates. */
const answerLimit = "5 seconds"

/** How long a handshake waits, in milliseconds: a little longer than the supervisor. */
const handshakeMillis = 22_000

/** How many handshakes wait at once. */
const maxWaiting = 256

type Told = Extract<WorkerMessage.ToWorker, { readonly kind: "certificate" | "attempted" }>

/** See the file's header. */
export class ToldCertificates {
  private readonly send: (message: WorkerMessage.FromWorker) => void
  private readonly certificates = new Map<string, Certificate.Certificate>()
  private readonly challenges = new Map<string, Certificate.Certificate>()
  private readonly waiting = new Map<string, Set<() => void>>()
  private readonly isComplete = Deferred.makeUnsafe<void>()
  private readonly listeners = new Set<CertificateListener>()
  private fallback: Certificate.Certificate | undefined
  private waitingCount = 0

  constructor(send: (message: WorkerMessage.FromWorker) => void) {
    this.send = send
  }

  /** Takes a message of the supervisor. */
  take(message: Told): void {
    if (message.kind === "attempted") {
      for (const done of this.waiting.get(message.host) ?? []) done()
      return
    }
    const { name, of, pem } = message
    const certificate = pem && Certificate.make(pem.chain, pem.key)
    if (of === "challenge") {
      if (certificate === undefined) this.challenges.delete(name)
      else this.challenges.set(name, certificate)
      return
    }
    if (of === "id" && certificate !== undefined) this.certificates.set(name, certificate)
    if (of !== "fallback") return
    this.fallback = certificate
    Deferred.doneUnsafe(this.isComplete, Effect.void)
    if (certificate === undefined) return
    for (const listener of this.listeners) listener.fallback?.(certificate)
  }

  /** Asks for all certificates, and waits for them. */
  readonly ask: Effect.Effect<void> = Effect.suspend(() => {
    this.send({ kind: "certificates" })
    return Effect.asVoid(Effect.timeoutOption(Deferred.await(this.isComplete), answerLimit))
  })

  /** Waits until the supervisor has tried to obtain a certificate for a host. */
  private attempt(host: string, done: () => void): void {
    const others = this.waiting.get(host)
    const waiting = others ?? new Set()
    this.waiting.set(host, waiting)
    this.waitingCount += 1
    const end = (): void => {
      if (!waiting.delete(end)) return
      clearTimeout(timer)
      this.waitingCount -= 1
      if (waiting.size === 0) this.waiting.delete(host)
      done()
    }
    const timer = setTimeout(end, handshakeMillis)
    waiting.add(end)
    if (others === undefined) this.send({ kind: "wanted", host })
  }

  /** The service. */
  readonly layer: Layer.Layer<never, never, RelaySettings> = Layer.effect(
    Certificates,
    Effect.gen({ self: this }, function* () {
      const settings = yield* RelaySettings
      // An older supervisor tells of none.
      this.fallback ??= Provisional.make(settings.derived(), yield* Clock.currentTimeMillis)
      return {
        ...none,
        find: (host: string, done: (certificate: Certificate.Certificate | undefined) => void) => {
          const plan = CertificateHosts.planOf(settings.derived(), host)
          const certificate = plan && this.certificates.get(plan.id)
          // Whoever comes while a challenge is shown may be the authority.
          const isChecked = this.challenges.has(host)
          if (
            plan === undefined ||
            certificate !== undefined ||
            isChecked ||
            this.waitingCount >= maxWaiting
          )
            return done(certificate)
          this.attempt(host, () => done(this.certificates.get(plan.id)))
        },
        challenge: (host: string) => this.challenges.get(host),
        fallback: () => this.fallback,
        listen: (listener: CertificateListener) => {
          this.listeners.add(listener)
          return () => this.listeners.delete(listener)
        },
      }
    }),
  )
}

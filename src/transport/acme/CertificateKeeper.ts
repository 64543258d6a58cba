/**
 * Obtains certificates when they are wanted, stores them, and renews them in
 * time. After a failure the certificate so far stays in use; the next attempt
 * waits for longer each time, over restarts too, and for as long as the
 * authority asks.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Certificate from "../net/Certificate.ts"
import { type Account, type AcmeClient, type Challenger, newAccount } from "./AcmeClient.ts"
import { AcmeError, type AcmeErrorCode } from "./AcmeError.ts"
import type { AcmeStore } from "./AcmeStore.ts"
import type { IssueFailure } from "./KeptCertificate.ts"
import * as KeptCertificate from "./KeptCertificate.ts"
import * as X509 from "./X509.ts"

/** A certificate that is wanted: the id under which it is stored, and its names. */
export interface CertificatePlan {
  /** A host, or `_.DOMAIN` for a domain and all hosts right below it. */
  readonly id: string
  readonly names: readonly [string, ...ReadonlyArray<string>]
}

/** The state of one certificate; times in milliseconds since 1970. */
export interface CertificateStatus {
  readonly id: string
  readonly names: ReadonlyArray<string>
  readonly validity: Certificate.Validity | undefined
  /** When it is renewed. */
  readonly renewAt: number | undefined
  readonly failure: IssueFailure | undefined
}

/** What the keeper needs. */
export interface KeeperOptions {
  readonly client: AcmeClient
  readonly store: AcmeStore
  readonly challenger: Challenger
  /** Runs an effect unless another process is obtaining a certificate; `none` if one is. */
  readonly alone: <A>(
    effect: Effect.Effect<A, AcmeError>,
  ) => Effect.Effect<Option.Option<A>, AcmeError>
  /** Called with each certificate that is used from now on. */
  readonly onCertificate: (id: string, certificate: Certificate.Certificate) => void
  /** Called after each attempt, with the failure if it failed. */
  readonly onAttempt: (plan: CertificatePlan, failure: IssueFailure | undefined) => void
}

interface Entry {
  readonly plan: CertificatePlan
  certificate: Certificate.Certificate | undefined
  validity: Certificate.Validity | undefined
  renewAt: number
  /** When renewal information is asked for. */
  askAt: number
  failure: IssueFailure | undefined
  /** When the last certificates came, at most {@link maxRenewals}. */
  renewals: ReadonlyArray<number>
  /** Called when an attempt is over. */
  readonly waiting: Set<() => void>
}

const minute = 60_000
const hour = 60 * minute

/** How long to wait after so many failed attempts, in milliseconds: at most four attempts in the first hour, and fewer from then on. */
const pauses = [minute, 5 * minute, 30 * minute, 2 * hour, 6 * hour, 12 * hour]

/** By how much a pause may be longer, at random, so that not all are tried again at once. */
const spread = 1.1

/** The least time between a failed attempt and one that the operator asks for, in milliseconds: four attempts an hour, since Let's Encrypt allows five failures. */
const askedPause = 15 * minute

/** Failures after which an earlier attempt cannot succeed, even if the operator asks for one. */
const fixedPauses: ReadonlySet<AcmeErrorCode> = new Set(["PTTH_ACME_LIMIT", "PTTH_ACME_CLOCK"])

/** How long to wait when the authority has a limit and does not say how long, in milliseconds. */
const limitPause = hour

/** The longest time until an authority is asked for renewal information again, in milliseconds. */
const longestAsk = 24 * hour

/** The longest wait that an authority may ask for, in milliseconds. */
const longestPause = 7 * 24 * hour

/** How many orders there may be within {@link orderPeriod}: fewer than the limit of Let's Encrypt. */
const maxOrders = 200
const orderPeriod = 3 * hour

/** How many certificates for the same names may come within {@link renewalPeriod}, or the time for which they are valid: fewer than the limit of Let's Encrypt. */
const maxRenewals = 3
const renewalPeriod = 7 * 24 * hour

/** How long to wait after a certificate that was due for renewal when it came, in milliseconds. */
const clockPause = 12 * hour

/** How long the others wait after the authority has refused an order for its limit, in milliseconds. */
const othersPause = 5 * minute

/** How soon it is tried again while another process obtains a certificate, in milliseconds. */
const busyPause = 5_000

/** How often the whole list is looked through at least, in milliseconds: a machine that was suspended, or whose clock was set, must not go on with certificates that have expired meanwhile. */
const longestSleep = minute

/** How many certificates may be wanted. */
const maxEntries = 10_000

const KnownAccount = Schema.fromJsonString(
  Schema.Struct({
    key: Schema.String,
    url: Schema.optional(Schema.String),
    contact: Schema.optional(Schema.String),
  }),
)

const accountName = "account.json"

/** A moment between two, at random, so that not all are renewed at once. */
const between = (from: number, until: number): number =>
  Math.floor(from + Math.max(0, until - from) * Math.random())

/** When a certificate is renewed whose authority does not say: after two thirds of its time. */
const usualRenewal = ({ from, until }: Certificate.Validity): number => {
  const third = (until - from) / 3
  return between(until - third, until - 0.8 * third)
}

/** See the file's header. */
export class CertificateKeeper {
  private readonly options: KeeperOptions
  private readonly entries = new Map<string, Entry>()
  private readonly changed = Latch.makeUnsafe(false)
  private account: Account | undefined
  private orders: Array<number> = []
  private othersFrom = 0

  constructor(options: KeeperOptions) {
    this.options = options
  }

  /** The certificate of this id, if there is one. */
  get(id: string): Certificate.Certificate | undefined {
    return this.entries.get(id)?.certificate
  }

  /** All certificates, by their ids. */
  all(): ReadonlyArray<readonly [id: string, certificate: Certificate.Certificate]> {
    return [...this.entries].flatMap(([id, { certificate }]) =>
      certificate === undefined ? [] : [[id, certificate] as const],
    )
  }

  statuses(): ReadonlyArray<CertificateStatus> {
    return [...this.entries.values()].map(({ certificate, failure, plan, renewAt, validity }) => ({
      id: plan.id,
      names: plan.names,
      validity,
      renewAt: certificate === undefined ? undefined : renewAt,
      failure,
    }))
  }

  /** Makes sure that there is a certificate, now or as soon as possible. */
  readonly want = Effect.fnUntraced(
    { self: this as CertificateKeeper },
    function* (this: CertificateKeeper, plan: CertificatePlan) {
      if (this.entries.has(plan.id) || this.entries.size >= maxEntries) return
      const entry: Entry = {
        plan,
        certificate: undefined,
        validity: undefined,
        renewAt: 0,
        askAt: 0,
        failure: undefined,
        renewals: [],
        waiting: new Set(),
      }
      this.entries.set(plan.id, entry)
      yield* this.reread(entry)
      entry.failure = hastened(entry.failure)
      this.changed.openUnsafe()
    },
  )

  /** The operator may have mended what failed, and asks to try again soon. */
  readonly tryAgain: Effect.Effect<void> = Effect.sync(() => {
    for (const entry of this.entries.values()) entry.failure = hastened(entry.failure)
    this.changed.openUnsafe()
  })

  /** Forgets the certificates that are not wanted any more; what is kept of them stays. */
  retain(isWanted: (plan: CertificatePlan) => boolean): void {
    for (const [id, { plan }] of this.entries) if (!isWanted(plan)) this.entries.delete(id)
  }

  /** Calls `done` when the attempt that runs or is about to run is over; at once if none is. The returned function takes that back. */
  wait(id: string, now: number, done: () => void): () => void {
    const entry = this.entries.get(id)
    if (entry === undefined || entry.certificate !== undefined || orderOf(entry, now) > now) {
      done()
      return () => {}
    }
    entry.waiting.add(done)
    return () => entry.waiting.delete(done)
  }

  /** Another process has kept something under this id. */
  readonly changedElsewhere = (id: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      const entry = this.entries.get(id)
      return entry === undefined ? Effect.void : Effect.andThen(this.reread(entry), release(entry))
    })

  /** The store can be used again: what is in it counts, and what failed for want of it is tried at once. */
  readonly storeIsBack: Effect.Effect<void> = Effect.suspend(() =>
    Effect.andThen(
      Effect.ignore(this.options.store.read(accountName)),
      Effect.forEach([...this.entries.values()], (entry) => this.retry(entry), { discard: true }),
    ),
  )

  private readonly retry = Effect.fnUntraced(
    { self: this as CertificateKeeper },
    function* (this: CertificateKeeper, entry: Entry) {
      yield* this.reread(entry)
      const { failure } = entry
      if (failure?.code === "PTTH_STATE_UNUSABLE")
        entry.failure = { ...failure, retryAt: yield* Clock.currentTimeMillis }
      this.changed.openUnsafe()
    },
  )

  /** Obtains and renews until it is interrupted. */
  readonly run: Effect.Effect<never> = Effect.suspend(() =>
    Effect.gen({ self: this }, function* () {
      for (;;) {
        this.changed.closeUnsafe()
        const now = yield* Clock.currentTimeMillis
        const next = this.next(now)
        if (next !== undefined && this.startOf(next, now) <= now) {
          yield* this.attend(next, now)
          continue
        }
        const pause = next === undefined ? longestSleep : this.startOf(next, now) - now
        yield* Effect.raceFirst(
          Effect.sleep(Math.min(Math.max(pause, 1), longestSleep)),
          this.changed.await,
        )
      }
    }),
  ).pipe(
    Effect.catchCause((cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.failCause(cause)
        : Effect.logError("certificates: the keeper failed and continues", cause).pipe(
            Effect.andThen(Effect.sleep(minute)),
          ),
    ),
    Effect.forever,
  ) as Effect.Effect<never>

  /** The entry that is due first. */
  private next(now: number): Entry | undefined {
    let first: Entry | undefined
    for (const entry of this.entries.values())
      if (first === undefined || this.startOf(entry, now) < this.startOf(first, now)) first = entry
    return first
  }

  /** When something is done about an entry. */
  private startOf(entry: Entry, now: number): number {
    const start = this.startOfOrder(entry, now)
    return entry.certificate === undefined
      ? start
      : Math.min(timely(entry.askAt, longestAsk, now), start)
  }

  /** When a certificate may be ordered for an entry: orders wait for the limits of all. */
  private startOfOrder(entry: Entry, now: number): number {
    return Math.max(orderOf(entry, now), timely(this.othersFrom, orderPeriod, now))
  }

  private readonly attend = Effect.fnUntraced(
    { self: this as CertificateKeeper },
    function* (this: CertificateKeeper, entry: Entry, now: number) {
      if (entry.certificate !== undefined && this.startOfOrder(entry, now) > now)
        return yield* this.ask(entry, entry.certificate, now)
      this.orders = this.orders.filter((at) => at > now - orderPeriod && at <= now)
      if (this.orders.length >= maxOrders) {
        this.othersFrom = (this.orders[0] ?? now) + orderPeriod
        return
      }
      yield* this.options.alone(this.obtain(entry)).pipe(
        Effect.matchEffect({
          onFailure: (error) => Effect.andThen(this.failed(entry, error), release(entry)),
          onSuccess: (result) =>
            Option.isSome(result)
              ? release(entry)
              : // Whoever waits goes on waiting: the other process may be obtaining this one.
                Effect.sync(() => {
                  this.othersFrom = now + busyPause
                }),
        }),
      )
    },
  )

  /** Asks the authority when it wants the certificate to be renewed (RFC 9773 4.2). */
  private readonly ask = Effect.fnUntraced(
    { self: this as CertificateKeeper },
    function* (
      this: CertificateKeeper,
      entry: Entry,
      certificate: Certificate.Certificate,
      now: number,
    ) {
      yield* this.keepAgain(entry, certificate)
      const window = yield* this.options.client
        .renewalWindow(certificate.chain)
        .pipe(
          Effect.catch(({ message }) =>
            Effect.as(
              Effect.logDebug(`certificates: no renewal information: ${message}`),
              undefined,
            ),
          ),
        )
      if (window === undefined) {
        entry.askAt = now + 6 * hour
        return
      }
      if (entry.renewAt < window.from || entry.renewAt > window.until) {
        entry.renewAt = between(window.from, window.until)
        if (window.explanation !== undefined)
          yield* Effect.logInfo(
            `certificates: ${entry.plan.id} will be renewed at ${Certificate.timeOf(entry.renewAt)}, see ${window.explanation}`,
          )
      }
      entry.askAt = now + window.askAgain
    },
  )

  /** Keeps a certificate that is used if it was lost meanwhile. */
  private readonly keepAgain = Effect.fnUntraced(
    { self: this as CertificateKeeper },
    function* (this: CertificateKeeper, { plan }: Entry, certificate: Certificate.Certificate) {
      const { store } = this.options
      const name = KeptCertificate.certificateName(plan.id)
      const stored = yield* Effect.option(store.read(name))
      if (Option.isSome(stored) && stored.value === undefined)
        yield* Effect.ignore(store.write(name, KeptCertificate.toText(certificate)))
    },
  )

  /** Obtains a certificate, unless another process has done so meanwhile. */
  private readonly obtain = Effect.fnUntraced(
    { self: this as CertificateKeeper },
    function* (this: CertificateKeeper, entry: Entry) {
      const { challenger, client, onAttempt, store } = this.options
      const { plan } = entry
      yield* this.reread(entry)
      const now = yield* Clock.currentTimeMillis
      if (orderOf(entry, now) > now) return
      // Without a place to keep it, each start would order another one.
      yield* store.check
      this.orders.push(now)
      const account = yield* this.signUp
      const replaces =
        entry.certificate === undefined ? undefined : X509.renewalId(entry.certificate.chain)
      const certificate = yield* client
        .obtain(account, { names: plan.names, replaces }, challenger)
        .pipe(Effect.tapError((error) => this.forgetAccount(error)))
      entry.failure = undefined
      // In use from now on, even if it cannot be stored.
      this.take(entry, certificate)
      yield* store.write(
        KeptCertificate.certificateName(plan.id),
        KeptCertificate.toText(certificate),
      )
      const obtainedAt = yield* Clock.currentTimeMillis
      entry.renewals = [...entry.renewals, obtainedAt].slice(-maxRenewals)
      if (entry.renewAt <= obtainedAt) return yield* dueAlready(certificate, obtainedAt)
      yield* Effect.ignore(store.remove(KeptCertificate.failureName(plan.id)))
      onAttempt(plan, undefined)
    },
  )

  private readonly signUp: Effect.Effect<Account, AcmeError> = Effect.suspend(() =>
    Effect.gen({ self: this }, function* () {
      const { client, store } = this.options
      const text = yield* store.read(accountName)
      const stored =
        text === undefined
          ? undefined
          : Option.getOrUndefined(Schema.decodeUnknownOption(KnownAccount)(text))
      const before: Account =
        stored === undefined
          ? newAccount()
          : { key: stored.key, url: stored.url, contact: stored.contact }
      if (this.account !== undefined && stored?.url === this.account.url) return this.account
      // Kept first, so that an account never is at the authority only.
      if (stored === undefined) yield* store.write(accountName, JSON.stringify(before))
      const account = yield* client.register(before)
      if (account !== before) yield* store.write(accountName, JSON.stringify(account))
      this.account = account
      return account
    }),
  )

  /** The authority does not know the account any more: the next attempt signs up again, with the same key. */
  private readonly forgetAccount = ({ type }: AcmeError): Effect.Effect<void, AcmeError> =>
    Effect.suspend(() => {
      const { account } = this
      if (type !== "accountDoesNotExist" || account === undefined) return Effect.void
      this.account = undefined
      return this.options.store.write(
        accountName,
        JSON.stringify({ key: account.key, contact: account.contact }),
      )
    })

  private readonly failed = Effect.fnUntraced(
    { self: this as CertificateKeeper },
    function* (this: CertificateKeeper, entry: Entry, { code, detail, retryAfter }: AcmeError) {
      const { onAttempt, store } = this.options
      const at = yield* Clock.currentTimeMillis
      const attempts = (entry.failure?.attempts ?? 0) + 1
      const isLimit = code === "PTTH_ACME_LIMIT"
      const pause = Math.max(
        isLimit && retryAfter === undefined ? limitPause : pauseAfter(attempts),
        Math.min(retryAfter ?? 0, longestPause),
      )
      if (isLimit) this.othersFrom = at + Math.min(pause, othersPause)
      const failure = {
        code,
        detail,
        at,
        attempts,
        retryAt: between(at + pause, at + spread * pause),
      }
      entry.failure = failure
      yield* Effect.ignore(
        store.write(KeptCertificate.failureName(entry.plan.id), JSON.stringify(failure)),
      )
      onAttempt(entry.plan, failure)
    },
  )

  /** Takes over what is kept under the entry's id, where that is newer. */
  private readonly reread = Effect.fnUntraced(
    { self: this as CertificateKeeper },
    function* (this: CertificateKeeper, entry: Entry) {
      const { store } = this.options
      const read = (name: string) =>
        Effect.catch(store.read(name), ({ message }) =>
          Effect.as(Effect.logError(`certificates: ${message}`), undefined),
        )
      const { certificateName, failureName } = KeptCertificate
      const certificate = KeptCertificate.fromText(yield* read(certificateName(entry.plan.id)))
      const failure = KeptCertificate.failureOf(yield* read(failureName(entry.plan.id)))
      if (certificate !== undefined) {
        const { from } = Certificate.validityOf(certificate)
        if (from > (entry.validity?.from ?? 0)) this.take(entry, certificate)
      }
      const isAfter = (failure?.at ?? 0) > (entry.validity?.from ?? 0)
      if (failure !== undefined && isAfter && failure.at > (entry.failure?.at ?? 0))
        entry.failure = failure
    },
  )

  private take(entry: Entry, certificate: Certificate.Certificate): void {
    const validity = Certificate.validityOf(certificate)
    entry.certificate = certificate
    entry.validity = validity
    entry.renewAt = usualRenewal(validity)
    entry.askAt = 0
    this.options.onCertificate(entry.plan.id, certificate)
    this.changed.openUnsafe()
  }
}

const pauseAfter = (attempts: number): number =>
  pauses[Math.min(attempts, pauses.length) - 1] as number

/** A failure after which it is tried again earlier, unless the authority asked for more time than the usual. */
const hastened = (failure: IssueFailure | undefined): IssueFailure | undefined => {
  if (failure === undefined || fixedPauses.has(failure.code)) return failure
  const { at, attempts, code, retryAt } = failure
  if (retryAt > at + spread * pauseAfter(attempts)) return failure
  const pause = code === "PTTH_STATE_UNUSABLE" ? 0 : askedPause
  return { ...failure, retryAt: Math.min(retryAt, at + pause) }
}

/** Tells whoever waits that an attempt is over. */
const release = ({ waiting }: Entry): Effect.Effect<void> =>
  Effect.sync(() => {
    for (const done of waiting) done()
    waiting.clear()
  })

/** A moment that is at most `most` milliseconds away; a later one was noted before the clock was put back, and has come. */
const timely = (moment: number, most: number, now: number): number =>
  moment > now + most ? now : moment

/** When a certificate is ordered for an entry. */
const orderOf = (entry: Entry, now: number): number => {
  const { certificate, failure, renewAt } = entry
  const isOfNow = failure !== undefined && failure.at <= now + minute
  return Math.max(
    certificate === undefined ? 0 : renewAt,
    isOfNow ? failure.retryAt : 0,
    renewableFrom(entry, now),
  )
}

/** From when one more certificate may be ordered, after so many within a period. */
const renewableFrom = ({ renewals, validity }: Entry, now: number): number => {
  const [earliest] = renewals
  if (validity === undefined || earliest === undefined || renewals.length < maxRenewals) return 0
  const period = Math.min(renewalPeriod, validity.until - validity.from)
  return timely(earliest + period, period, now)
}

const dueAlready = (certificate: Certificate.Certificate, now: number): AcmeError => {
  const { from, until } = Certificate.validityOf(certificate)
  return new AcmeError({
    code: "PTTH_ACME_CLOCK",
    detail: `the new certificate is valid from ${Certificate.timeOf(from)} until ${Certificate.timeOf(until)}, and this machine's clock says ${Certificate.timeOf(now)}`,
    retryAfter: clockPause,
  })
}

/**
 * The server's side of classic: sends a listen again as soon as it is answered,
 * and starts an exchange for each request in the answers. A classic 1 relay gets
 * one listen at a time, a classic 2 relay four.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import { isSafe } from "../../protocol/http/SafeMethod.ts"
import type { Offer } from "../../protocol/Message.ts"
import { maxAcks } from "../../protocol/Wire.ts"
import type { Cancel } from "../../transport/body/Handler.ts"
import type { Deadlines } from "../../transport/runtime/Deadlines.ts"
import { ReusableMap } from "../../transport/runtime/ReusableMap.ts"
import type { RunningClock } from "../../transport/runtime/RunningClock.ts"
import * as BackendIdentity from "../uplink/BackendIdentity.ts"
import { ListenError } from "../uplink/ListenError.ts"
import type { Uplink } from "../uplink/Uplink.ts"
import { ClassicAnswers } from "./ClassicAnswers.ts"
import * as ClassicExchange from "./ClassicExchange.ts"
import { type Farewell, type Listened, listen } from "./ClassicListen.ts"

/** How many listens are open at a time. */
const listeners = 4

/** How long a farewell may take, in milliseconds. */
const farewellMillis = 2_000

/** A listen that is answered sooner was not held open by the relay; in milliseconds. */
const heldMillis = 1_000

/**
 * How many listens in a row may be answered at once and with nothing. Relays do
 * that to a few; one that always does would otherwise be asked in a tight loop.
 */
const maxHasty = 8

/** How many exchanges run at once: as many as on two links of stream. */
const maxRunning = 2_048

/** See the file's header. */
export class ClassicTunnel {
  private readonly uplink: Uplink
  private readonly deadlines: Deadlines
  /** Shows how old a request is. */
  private readonly clock: RunningClock
  private readonly caller: BackendIdentity.Caller
  /** Open while several listens at a time are allowed. */
  private readonly parallel = Latch.makeUnsafe(false)
  private readonly running = new ReusableMap<string, Cancel>()
  /** Open while no exchange runs. */
  private readonly idle = Latch.makeUnsafe(true)
  /** Open while another exchange may run. */
  private readonly capacity = Latch.makeUnsafe(true)
  /** Identifiers of requests that the relay does not know yet have arrived. */
  private acks: Array<string> = []
  private readonly answers: ClassicAnswers
  /** How many listens in a row were answered at once and with nothing. */
  private hasty = 0
  /** Whether the relay spoke classic 2 in its last answer. */
  private speaksClassic2 = false

  constructor(uplink: Uplink, deadlines: Deadlines, clock: RunningClock) {
    this.uplink = uplink
    this.deadlines = deadlines
    this.clock = clock
    this.caller = BackendIdentity.callerOf(uplink)
    this.answers = new ClassicAnswers(this.caller)
  }

  /**
   * Listens until it is interrupted; running exchanges then go on.
   *
   * @param why why it is classic, for logs and the relay's pages
   */
  run(why: string): Effect.Effect<never> {
    const once = this.listenOnce(why)
    const more = this.parallel.await.pipe(Effect.andThen(once), Effect.forever)
    return Effect.all(
      [Effect.forever(once), ...Array.from({ length: listeners - 1 }, () => more)],
      { concurrency: "unbounded" },
    ).pipe(Effect.andThen(Effect.never))
  }

  /** Waits until no exchange runs, and then tells the relay that this process takes no more requests. */
  get leave(): Effect.Effect<void> {
    return this.idle.await.pipe(
      Effect.andThen(this.farewell("draining")),
      Effect.andThen(
        Effect.sync(() => {
          this.speaksClassic2 = false
        }),
      ),
    )
  }

  /** Tells a classic 2 relay that this process takes no more requests, or is gone. */
  farewell(farewell: Farewell): Effect.Effect<void> {
    return Effect.suspend(() =>
      this.speaksClassic2 ? Effect.ignore(this.listen("", farewell)) : Effect.void,
    ).pipe(Effect.timeoutOption(farewellMillis), Effect.asVoid)
  }

  private listen(why: string, farewell?: Farewell): Effect.Effect<Listened, ListenError> {
    return listen({
      ...BackendIdentity.of(this.uplink),
      deadlines: this.deadlines,
      clock: this.clock,
      acks: this.acks.splice(0, maxAcks),
      why,
      farewell,
    })
  }

  private listenOnce(why: string): Effect.Effect<void> {
    return this.capacity.await.pipe(
      Effect.andThen(Effect.suspend(() => this.listen(why))),
      Effect.matchEffect({
        onSuccess: (listened) => this.onListened(listened, why),
        onFailure: (error) => this.onFailed(error),
      }),
    )
  }

  private onListened(listened: Listened, why: string): Effect.Effect<void> {
    this.speaksClassic2 = listened.dialect === "classic 2"
    const broughtWork = this.take(listened)
    this.hasty = broughtWork || listened.heldMillis >= heldMillis ? 0 : this.hasty + 1
    if (this.hasty > maxHasty) return this.onFailed(hastyRelay)
    if (this.speaksClassic2) this.parallel.openUnsafe()
    else this.parallel.closeUnsafe()
    // Some networks answer everything by 204, as a relay that does not say its version does.
    if (!this.speaksClassic2 && this.hasty > 0) return Effect.void
    return this.uplink.connected(listened.announced, listened.dialect, why)
  }

  /** Starts and cancels exchanges as an answer says; whether it asked for anything. */
  private take(listened: Listened): boolean {
    let broughtWork = false
    for (const entry of listened.entries) {
      const cancel = this.running.get(entry.id)
      if (entry._tag === "Cancel") cancel?.()
      else if (cancel !== undefined) this.acks.push(entry.id)
      // A request beyond the limit, or one that came too late, is not acknowledged, so the relay gives it up.
      else if (this.running.size < maxRunning && (isSafe(entry.head.method) || listened.isInTime()))
        this.start(entry, listened)
      if ((entry._tag === "Cancel") === (cancel !== undefined)) broughtWork = true
    }
    return broughtWork
  }

  private onFailed(error: ListenError): Effect.Effect<void> {
    this.parallel.closeUnsafe()
    if (error.reason === "unreachable") {
      // What a network has forgotten it has forgotten for all of them.
      this.uplink.client.closeIdle()
      this.answers.giveUpStuck()
    }
    return this.uplink.failed(error)
  }

  private start(offer: Offer, { dialect, isInTime, many, takesInterim }: Listened): void {
    const { clock, uplink } = this
    const startedAt = clock.now()
    this.acks.push(offer.id)
    let cancel: Cancel = () => {}
    const done = uplink.begin(() => cancel())
    this.running.set(offer.id, () => cancel())
    this.idle.closeUnsafe()
    if (this.running.size >= maxRunning) this.capacity.closeUnsafe()
    cancel = ClassicExchange.start(offer, {
      ...this.caller,
      dialect,
      answers: many ? this.answers : undefined,
      takesInterim,
      mayCommit: () => isInTime() || !clock.hasStoodStillSince(startedAt),
      handler: uplink.handler,
      failure: uplink.failure,
      onOver: () => {
        done()
        this.running.delete(offer.id)
        this.capacity.openUnsafe()
        if (this.running.size === 0) this.idle.openUnsafe()
      },
    })
  }
}

const hastyRelay = new ListenError({
  reason: "unexpected",
  detail: "it answers each listen at once and without requests",
})

/**
 * Classic, from the server: listens that are sent anew as soon as they are
 * answered, and an exchange for each request that they bring. A classic 1
 * relay gets exactly one listen at a time.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type { Offer } from "../../protocol/Message.ts"
import { maxAcks } from "../../protocol/Wire.ts"
import type { Cancel } from "../../transport/body/Handler.ts"
import { ReusableMap } from "../../transport/runtime/ReusableMap.ts"
import { ListenError } from "../uplink/ListenError.ts"
import type { Uplink } from "../uplink/Uplink.ts"
import { ClassicAnswers } from "./ClassicAnswers.ts"
import * as ClassicExchange from "./ClassicExchange.ts"
import { type Farewell, type Listened, listen } from "./ClassicListen.ts"

const listeners = 4
const farewellMillis = 2_000

/** A listen that is answered sooner has not been parked; in milliseconds. */
const parkedMillis = 1_000

/** How many listens in a row may be answered at once with nothing: a relay greets, and forgets, a few. */
const maxHasty = 8

/** How many requests this process answers at once: as many as by two links of stream. */
const maxRunning = 2_048

/** See the file's header. */
export class ClassicTunnel {
  private readonly uplink: Uplink
  private readonly parallel = Latch.makeUnsafe(false)
  private readonly running = new ReusableMap<string, Cancel>()
  private readonly quiet = Latch.makeUnsafe(true)
  private readonly room = Latch.makeUnsafe(true)
  private acks: Array<string> = []
  private readonly answers: ClassicAnswers
  /** How many listens in a row were answered at once with nothing. */
  private hasty = 0
  /** Whether the relay has last been seen to speak classic 2. */
  private spoken = false

  constructor(uplink: Uplink) {
    this.uplink = uplink
    this.answers = new ClassicAnswers({
      client: uplink.client,
      basePath: uplink.basePath,
      apiKey: uplink.options.apiKey,
    })
  }

  /**
   * Listens for ever. Interrupting it ends the listens; what runs goes on.
   *
   * @param why why it is classic, for people
   */
  run(why: string): Effect.Effect<never> {
    const once = this.listenOnce(why)
    const more = this.parallel.await.pipe(Effect.andThen(once), Effect.forever)
    return Effect.all(
      [Effect.forever(once), ...Array.from({ length: listeners - 1 }, () => more)],
      { concurrency: "unbounded" },
    ).pipe(Effect.andThen(Effect.never))
  }

  /** Takes leave of the relay once nothing runs here: what was given to this process is answered. */
  get leave(): Effect.Effect<void> {
    return this.quiet.await.pipe(
      Effect.andThen(this.say("draining")),
      Effect.andThen(
        Effect.sync(() => {
          this.spoken = false
        }),
      ),
    )
  }

  /** Tells a relay that understands it that this process takes no more requests, or is gone. */
  say(farewell: Farewell): Effect.Effect<void> {
    return Effect.suspend(() =>
      this.spoken ? Effect.ignore(this.listen("", farewell)) : Effect.void,
    ).pipe(Effect.timeoutOption(farewellMillis), Effect.asVoid)
  }

  private listen(why: string, farewell?: Farewell): Effect.Effect<Listened, ListenError> {
    const { uplink } = this
    return listen({
      client: uplink.client,
      basePath: uplink.basePath,
      name: uplink.options.name,
      apiKey: uplink.options.apiKey,
      instance: uplink.instance,
      program: uplink.options.program,
      acks: this.acks.splice(0, maxAcks),
      why,
      farewell,
    })
  }

  private listenOnce(why: string): Effect.Effect<void> {
    return this.room.await.pipe(
      Effect.andThen(Effect.suspend(() => Effect.timed(this.listen(why)))),
      Effect.matchEffect({
        onSuccess: ([took, listened]) => this.onListened(listened, why, Duration.toMillis(took)),
        onFailure: (error) => this.onFailed(error),
      }),
    )
  }

  private onListened(listened: Listened, why: string, millis: number): Effect.Effect<void> {
    this.spoken = listened.dialect === "classic 2"
    const isOfUse = this.take(listened)
    this.hasty = isOfUse || millis >= parkedMillis ? 0 : this.hasty + 1
    if (this.hasty > maxHasty) return this.onFailed(hastyRelay)
    if (this.spoken) this.parallel.openUnsafe()
    else this.parallel.closeUnsafe()
    return this.uplink.good(listened.announced, listened.dialect, why)
  }

  /** Does what a listen has brought; whether that was anything. */
  private take(listened: Listened): boolean {
    let isOfUse = false
    for (const entry of listened.entries) {
      const cancel = this.running.get(entry.id)
      if (entry._tag === "Cancel") cancel?.()
      else if (cancel !== undefined) this.acks.push(entry.id)
      // What is left out is not acknowledged: the relay gives it to another, or says so.
      else if (this.running.size < maxRunning) this.answer(entry, listened)
      if ((entry._tag === "Cancel") === (cancel !== undefined)) isOfUse = true
    }
    return isOfUse
  }

  private onFailed(error: ListenError): Effect.Effect<void> {
    this.parallel.closeUnsafe()
    return this.uplink.failed(error)
  }

  private answer(offer: Offer, { dialect, many }: Listened): void {
    const { uplink } = this
    this.acks.push(offer.id)
    let cancel: Cancel = () => {}
    const done = uplink.begin(() => cancel())
    this.running.set(offer.id, () => cancel())
    this.quiet.closeUnsafe()
    if (this.running.size >= maxRunning) this.room.closeUnsafe()
    cancel = ClassicExchange.start(offer, {
      client: uplink.client,
      basePath: uplink.basePath,
      apiKey: uplink.options.apiKey,
      dialect,
      answers: many ? this.answers : undefined,
      handler: uplink.handler,
      onOver: () => {
        done()
        this.running.delete(offer.id)
        this.room.openUnsafe()
        if (this.running.size === 0) this.quiet.openUnsafe()
      },
    })
  }
}

const hastyRelay = new ListenError({
  reason: "unexpected",
  detail: "it answers one listen after the other at once, with nothing",
})

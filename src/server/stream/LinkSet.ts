/**
 * The links that a server keeps to its relay, or to the relays that serve as
 * one: as many as they ask for, each opened again when it breaks, spread over
 * relays and machines (`LinkSpread.ts`). A link that is at the wrong relay is
 * drained once another one has taken its place.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberMap from "effect/FiberMap"
import * as Latch from "effect/Latch"
import * as Random from "effect/Random"
import * as Semaphore from "effect/Semaphore"
import { triesPerLink } from "../../protocol/Wire.ts"
import type { ListenError } from "../uplink/ListenError.ts"
import * as LinkSpread from "./LinkSpread.ts"
import type { OpenLink } from "./StreamConnection.ts"

/** The events of a link. */
export interface LinkEvents {
  readonly onAlive: (link: OpenLink) => void
  readonly onRelays: (relays: LinkSpread.RelayList) => void
}

/** What a set of links needs of its surroundings. */
export interface LinkSetOptions {
  /** How many links are kept; by default two, or as many as the relays ask for. */
  readonly count: number | undefined
  /**
   * Opens a link and keeps it; fails with the reason when it ends. Interruption
   * drains it.
   *
   * @param have the ids of relays that are not to accept it
   */
  readonly open: (
    number: number,
    have: ReadonlyArray<string>,
    events: LinkEvents,
  ) => Effect.Effect<never, ListenError>
  /** Logs a failure, and waits before the next attempt. */
  readonly failed: (error: ListenError) => Effect.Effect<void>
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** Open while a link works, so that further links are not tried in vain. */
  readonly works: Latch.Latch
}

/** One of the links, whether it is open or not. */
interface KeptLink {
  readonly number: number
  /** The link whose place it is to take once it is open, and whom to tell whether it was. */
  replacing: Replacing | undefined
  /** The link, while it works. */
  open: OpenLink | undefined
  /** Since when it works, in monotonic milliseconds. */
  since: number
  /** What its relay has said of the relays. */
  relays: LinkSpread.RelayList | undefined
}

interface OpenedLink extends KeptLink {
  open: OpenLink
}

interface Replacing {
  readonly number: number
  readonly moved: Deferred.Deferred<boolean>
  /** The only relays that are to accept it; any that are wanted unless given. */
  readonly only: ReadonlyArray<string> | undefined
}

/** How many links there are if neither the server nor the relays say it. */
const leastLinks = 2

/** For how long links may settle after a change before one is moved, in milliseconds: at least, and a random time more. */
const settleMillis = 500
const spreadMillis = 1_500

/** The wait before a link is moved again if no relay accepted it, in milliseconds: first, and at the longest. */
const firstMove = 1_000
const longestMove = 600_000

/** The longest wait before a link is opened again while others work, in milliseconds. */
const reopenMillis = 500

/** A link that has worked for so long, in milliseconds, was not refused in another way. */
const steadyMillis = 1_000

/** Keeps the links until the relay does not speak stream; succeeds with the reason. */
export const keepAll = (options: LinkSetOptions): Effect.Effect<ListenError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const fibers = yield* FiberMap.make<number, void>()
      const fork = yield* FiberMap.runtime(fibers)<never>()
      const run = Effect.runForkWith(yield* Effect.context<never>())
      const links = new LinkSet(options, {
        start: (number, keep) => void fork(number, keep),
        stop: (number) => void run(FiberMap.remove(fibers, number)),
      })
      return yield* links.run
    }),
  )

/** The fibers of the links, by number. */
interface Fibers {
  readonly start: (number: number, keep: Effect.Effect<void>) => void
  /** Interrupts one, which drains its link. */
  readonly stop: (number: number) => void
}

/** See the file's header. */
class LinkSet {
  private readonly options: LinkSetOptions
  private readonly fibers: Fibers
  private readonly links = new Map<number, KeptLink>()
  private nextNumber = 0
  private relays = LinkSpread.unknown
  /** Held by the further link that is being opened, so that two do not go to the same relay. */
  private readonly opening = Semaphore.makeUnsafe(1)
  /** Open once links or relays have changed since the spread was checked. */
  private readonly changed = Latch.makeUnsafe(false)
  /** Open once relays have come or gone since a link could not be moved. */
  private readonly relaysChanged = Latch.makeUnsafe(false)
  /** A machine that has come, to which a link is to be moved. */
  private newcomer: ReadonlyArray<string> | undefined
  private readonly impossible = Deferred.makeUnsafe<ListenError>()

  constructor(options: LinkSetOptions, fibers: Fibers) {
    this.options = options
    this.fibers = fibers
  }

  /** Keeps the links; succeeds with the reason why stream is not possible. */
  get run(): Effect.Effect<ListenError> {
    return Effect.suspend(() => {
      this.adjust(false)
      return Effect.raceFirst(Deferred.await(this.impossible), this.keepSpread)
    })
  }

  // ------------------------------------------------------------ how many there are

  private get alive(): ReadonlyArray<OpenedLink> {
    return [...this.links.values()].filter(isOpen)
  }

  /** Where those are. */
  private get placed(): ReadonlyArray<LinkSpread.PlacedLink> {
    return this.alive.map(({ number, open: { relay } }) => ({ number, relay }))
  }

  /** Those that do not wait to take another's place. */
  private get counted(): ReadonlyArray<KeptLink> {
    return [...this.links.values()].filter(({ replacing }) => replacing === undefined)
  }

  /**
   * Opens the links that are missing, and drains those that are too many.
   *
   * @param later whether they are opened a random time later: all servers learn of a new relay at once
   */
  private adjust(later: boolean): void {
    const target = this.options.count ?? Math.max(leastLinks, this.relays.links)
    const counted = this.counted
    for (let missing = target - counted.length; missing > 0; missing--) {
      const link = this.add(undefined)
      const wait = later ? randomWait(spreadMillis) : Effect.void
      this.fibers.start(link.number, Effect.andThen(wait, this.keepOpen(link)))
    }
    for (let surplus = counted.length - target; surplus > 0; surplus--) this.removeOne()
  }

  private add(replacing: Replacing | undefined): KeptLink {
    const number = this.nextNumber++
    const link: KeptLink = { number, replacing, open: undefined, since: 0, relays: undefined }
    this.links.set(number, link)
    return link
  }

  private remove(number: number): void {
    this.links.delete(number)
    this.fibers.stop(number)
  }

  /** Removes a link that is not open, or else the newest where there are most. */
  private removeOne(): void {
    const newest = this.counted.toSorted((one, other) => other.number - one.number)
    const link =
      newest.find(({ open }) => open === undefined) ??
      LinkSpread.misplaced(this.placed, this.relays) ??
      newest[0]
    if (link !== undefined) this.remove(link.number)
  }

  // ------------------------------------------------------------ one link

  /** Keeps a link, again and again. */
  private keepOpen(link: KeptLink): Effect.Effect<never> {
    return Effect.suspend(() => (this.isFirst(link) ? Effect.void : this.options.works.await)).pipe(
      Effect.andThen(this.openLink(link)),
      Effect.catch((error) => this.ended(link, error)),
      Effect.forever,
    )
  }

  /** Whether it is the one that finds out whether stream is possible. */
  private isFirst({ number }: KeptLink): boolean {
    for (const other of this.links.keys()) if (other < number) return false
    return true
  }

  /** Opens a link at a relay that is to have it. */
  private openLink(link: KeptLink): Effect.Effect<never, ListenError> {
    const run = (settled: () => void) => this.tryRelays(link, settled)
    return Effect.suspend(() =>
      this.unwanted(link).length === 0
        ? run(() => {})
        : Effect.acquireUseRelease(
            Effect.as(this.opening.take(1), { isHeld: true }),
            (permit) => run(() => this.release(permit)),
            (permit) => Effect.sync(() => this.release(permit)),
          ),
    )
  }

  private release(permit: { isHeld: boolean }): void {
    if (!permit.isHeld) return
    permit.isHeld = false
    Effect.runSync(this.opening.release(1))
  }

  /**
   * Tries one relay after the other while they refuse the link because others
   * are to have it; in the end any may, unless the link is to replace one.
   *
   * @param settled called when it is open
   */
  private tryRelays(link: KeptLink, settled: () => void): Effect.Effect<never, ListenError> {
    let tries = 0
    const next: Effect.Effect<never, ListenError> = Effect.suspend(() =>
      this.open(link, this.unwanted(link), settled),
    ).pipe(
      Effect.catch((error) => {
        if (error.reason !== "elsewhere") return Effect.fail(error)
        tries += 1
        if (tries < triesPerLink * Math.max(1, this.relays.links)) return next
        return link.replacing === undefined ? this.open(link, [], settled) : Effect.fail(error)
      }),
    )
    return next
  }

  private unwanted(link: KeptLink): ReadonlyArray<string> {
    const only = link.replacing?.only
    if (only !== undefined) return this.relays.machines.flat().filter((id) => !only.includes(id))
    const others = this.alive.filter(
      ({ number }) => number !== link.number && number !== link.replacing?.number,
    )
    return LinkSpread.unwanted(
      others.map(({ open }) => open.relay),
      this.relays,
    )
  }

  private open(
    link: KeptLink,
    have: ReadonlyArray<string>,
    settled: () => void,
  ): Effect.Effect<never, ListenError> {
    return this.options.open(link.number, have, {
      onAlive: (open) => {
        link.open = open
        link.since = this.options.now()
        this.options.works.openUnsafe()
        settled()
        this.takePlace(link)
        this.onChange()
      },
      onRelays: (relays) => {
        link.relays = relays
        if (link.open === undefined) return
        this.suspectMissing()
        this.onChange()
      },
    })
  }

  /** A link has ended, or could not be opened. */
  private ended(link: KeptLink, error: ListenError): Effect.Effect<void> {
    const wasSteady = link.open !== undefined && this.options.now() - link.since >= steadyMillis
    link.open = undefined
    link.relays = undefined
    if (this.alive.length > 0) {
      this.onChange()
      // The other links go on, and this one may be opened at another relay.
      if (error.reason === "shutting down")
        return wasSteady ? Effect.void : randomWait(reopenMillis)
      return wasSteady && error.reason === "unreachable"
        ? randomWait(reopenMillis)
        : this.options.failed(error)
    }
    this.options.works.closeUnsafe()
    if (error.reason !== "impossible" || !this.isFirst(link)) return this.options.failed(error)
    Deferred.doneUnsafe(this.impossible, Effect.succeed(error))
    return Effect.never
  }

  // ------------------------------------------------------------ where they are

  /** A link has come or gone, or a relay has said which relays there are. */
  private onChange(): void {
    const before = this.relays
    const lists = this.alive.flatMap(({ relays }) => (relays === undefined ? [] : [relays]))
    this.relays = LinkSpread.union(lists)
    if (!LinkSpread.isSame(before, this.relays)) {
      this.relaysChanged.openUnsafe()
      this.newcomer ??= LinkSpread.newMachine(before, this.relays)
    }
    this.adjust(before.machines.length > 0)
    this.changed.openUnsafe()
  }

  /** Pings the links to relays that the other relays do not name. */
  private suspectMissing(): void {
    for (const { number, open } of this.alive) {
      const others = this.alive.filter((other) => other.number !== number)
      const named = others.flatMap(({ relays }) => relays?.machines.flat() ?? [])
      if (named.length > 0 && open.relay !== "" && !named.includes(open.relay)) open.suspect()
    }
  }

  /** Moves links, one after the other, when they are at the wrong relays. */
  private get keepSpread(): Effect.Effect<never> {
    let failures = 0
    const check = Effect.gen({ self: this }, function* () {
      yield* this.changed.await
      this.changed.closeUnsafe()
      yield* randomWait(spreadMillis, settleMillis)
      // A link that is being opened finds its place itself.
      if (this.alive.length < this.links.size) yield* randomWait(spreadMillis, settleMillis)
      const link = LinkSpread.misplaced(this.placed, this.relays)
      this.relaysChanged.closeUnsafe()
      if (link === undefined) return yield* this.moveToNewcomer(this.placed)
      if (yield* this.move(link.number)) {
        failures = 0
        return
      }
      const wait = Math.min(firstMove * 2 ** failures, longestMove)
      failures += 1
      yield* Effect.raceFirst(this.relaysChanged.await, Effect.sleep(wait))
      this.changed.openUnsafe()
    })
    return Effect.forever(check)
  }

  /**
   * Moves a link to a machine that has come, if all are well placed without it. Of
   * all servers as many do so as are to have links there; otherwise the machine that
   * was restarted last would have none. If no relay of it accepts the link, it stays.
   */
  private moveToNewcomer(placed: ReadonlyArray<LinkSpread.PlacedLink>): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { newcomer } = this
      this.newcomer = undefined
      if (newcomer === undefined || placed.some(({ relay }) => newcomer.includes(relay))) return
      const share = placed.length / this.relays.machines.length
      if ((yield* Random.next) >= share) return
      const link = placed[yield* Random.nextIntBetween(0, placed.length - 1)]
      if (link !== undefined) yield* this.move(link.number, newcomer)
    })
  }

  /**
   * Opens a link elsewhere, which then takes the place of the one with this number;
   * whether a relay accepted it.
   *
   * @param only the relays that are to accept it; any that are wanted unless given
   */
  private move(number: number, only?: ReadonlyArray<string>): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      const moved = Deferred.makeUnsafe<boolean>()
      const link = this.add({ number, moved, only })
      this.fibers.start(
        link.number,
        Effect.catch(this.openLink(link), (error) => {
          if (link.replacing === undefined)
            return Effect.andThen(this.ended(link, error), this.keepOpen(link))
          this.links.delete(link.number)
          return Effect.asVoid(Deferred.succeed(moved, false))
        }),
      )
      return Deferred.await(moved)
    })
  }

  private takePlace(link: KeptLink): void {
    if (link.replacing === undefined) return
    const { moved, number } = link.replacing
    link.replacing = undefined
    this.remove(number)
    Deferred.doneUnsafe(moved, Effect.succeed(true))
  }
}

const isOpen = (link: KeptLink): link is OpenedLink => link.open !== undefined

/** Waits for a random time. */
const randomWait = (mostMillis: number, leastMillis = 0): Effect.Effect<void> =>
  Effect.flatMap(Random.next, (random) => Effect.sleep(leastMillis + random * mostMillis))

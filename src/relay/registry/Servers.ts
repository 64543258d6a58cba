/**
 * Which servers may connect, by the configuration in force, and which were
 * refused.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SharedMarks from "../../cluster/engine/SharedMarks.ts"
import { sameTripcode, tripcodeOfText } from "../../domain/ApiKey.ts"
import * as ListenAddress from "../../domain/ListenAddress.ts"
import { isServerName, type ServerName } from "../../domain/ServerName.ts"
import type { Tripcode } from "../../domain/Tripcode.ts"
import { AuditLog } from "../audit/AuditLog.ts"
import { RelaySettings } from "../settings/RelaySettings.ts"
import { isTrusted } from "../settings/TrustedProxies.ts"
import { type Refusal, Traffic } from "../traffic/Traffic.ts"
import * as SharedIgnored from "./SharedIgnored.ts"
import { type Stranger, Strangers } from "./Strangers.ts"

/** A server that was refused, and why it would be now. */
export interface RefusedStranger extends Stranger {
  readonly reason: Refusal
}

/** A registered server that has proved its name by one of its keys. */
export interface KnownServer {
  readonly _tag: "Known"
  readonly name: ServerName
  readonly tripcode: Tripcode
}

/** A key that is not registered for the name. */
export interface RefusedKey {
  readonly _tag: "Refused"
  readonly reason: Refusal
  readonly tripcode: Tripcode
}

/** Whose key it is. */
export type Identity = KnownServer | RefusedKey

/** The result of a server's attempt to connect. */
export type Knocked =
  | Identity
  | {
      readonly _tag: "Limited"
      /** In seconds. */
      readonly retryAfter: number
    }

/** Compared where a name has no tripcode, so that the time taken does not tell which names are registered. */
const noTripcode = "A".repeat(43).concat("=") as Tripcode

/** See the file's header. */
export class Servers extends Context.Service<Servers, ServerRegistry>()("ptth/relay/Servers") {
  static readonly layer: Layer.Layer<Servers, never, RelaySettings | AuditLog | Traffic> =
    Layer.effect(
      Servers,
      Effect.gen(function* () {
        const settings = yield* RelaySettings
        const audit = yield* AuditLog
        const traffic = yield* Traffic
        const marks = yield* SharedMarks.make()
        const clock = yield* Clock.Clock
        const registry = new ServerRegistry(settings, audit, traffic, marks)
        marks.listen("keys", (network, millis) =>
          registry.limit(network, clock.currentTimeMillisUnsafe(), millis),
        )
        registry.onIgnored(
          yield* SharedIgnored.share((name, tripcode) => registry.ignoredElsewhere(name, tripcode)),
        )
        return Servers.of(registry)
      }),
    )
}

/** What the service {@link Servers} does. */
export class ServerRegistry {
  private readonly settings: RelaySettings["Service"]
  private readonly audit: AuditLog["Service"]
  private readonly traffic: Traffic["Service"]
  private readonly strangers = new Strangers()
  /** Name and tripcode of servers that are being approved. */
  private readonly approvals = new Set<string>()
  private readonly marks: SharedMarks.SharedMarks
  private ignoreListener: (name: string, tripcode: Tripcode) => void = () => {}

  constructor(
    settings: RelaySettings["Service"],
    audit: AuditLog["Service"],
    traffic: Traffic["Service"],
    marks: SharedMarks.SharedMarks,
  ) {
    this.settings = settings
    this.audit = audit
    this.traffic = traffic
    this.marks = marks
  }

  /** Another relay has found that a network has sent too many wrong keys by a time in milliseconds since 1970. */
  limit(network: string, at: number, millis: number): void {
    this.strangers.limit(network, at, millis)
  }

  /** Whether this key is registered for this name. Every tripcode of the name is compared. */
  identify(name: string, key: string): Identity {
    const tripcode = tripcodeOfText(key)
    const registered = this.tripcodesOf(name)
    const candidates = registered.length === 0 ? [noTripcode] : registered
    let matches = false
    for (const candidate of candidates) matches = sameTripcode(candidate, tripcode) || matches
    if (matches && isServerName(name)) return { _tag: "Known", name, tripcode }
    const reason = registered.length === 0 ? "unknown name" : "wrong key"
    return { _tag: "Refused", reason, tripcode }
  }

  /** Whether a tripcode is registered for a name. */
  accepts(name: ServerName, tripcode: Tripcode): boolean {
    return this.tripcodesOf(name).some((registered) => sameTripcode(registered, tripcode))
  }

  isRegistered(name: ServerName): boolean {
    return this.tripcodesOf(name).length > 0
  }

  /**
   * Identifies a server that wants to connect from an address, at a time in
   * milliseconds since 1970, and remembers it if it is refused. A right key is
   * accepted whoever else shows wrong ones: it costs one hash to see that it is
   * right. After too many wrong keys an address is `Limited`: its further wrong
   * ones are neither remembered nor recorded.
   */
  knock(name: string, key: string, address: string, at: number): Knocked {
    const identity = this.identify(name, key)
    if (identity._tag === "Known") return identity
    this.traffic.keyRefused(identity.reason)
    if (this.isLimited(address, at)) return this.limited(at)
    this.rememberRefused(name, identity, address, at)
    return identity
  }

  /** Whether an address has sent too many wrong keys, so that its further ones are not looked at. */
  isLimited(address: string, at: number): boolean {
    return this.strangers.isLimited(address, at) && !this.isShared(address)
  }

  private limited(at: number): Knocked {
    return { _tag: "Limited", retryAfter: Math.ceil(this.strangers.millisLeft(at) / 1000) }
  }

  private rememberRefused(
    name: string,
    { reason, tripcode }: RefusedKey,
    address: string,
    at: number,
  ): void {
    // What is shown to administrators has to be a valid name.
    if (!isServerName(name)) return
    const remembered = this.strangers.remember(name, tripcode, address, at)
    if (remembered === "new")
      this.audit.record({ _tag: "ServerRefused", name, reason, tripcode, address })
    if (remembered !== "too many") return
    this.audit.record({ _tag: "RefusalsLimited", address })
    const network = this.strangers.limitedNetwork(address)
    if (network !== undefined && !this.isShared(address))
      this.marks.tell("keys", network, this.strangers.millisLeft(at))
  }

  /** Whether many clients may have this address: that of a proxy, or of this machine. */
  private isShared(address: string): boolean {
    return (
      ListenAddress.isLoopback(address) ||
      isTrusted(this.settings.current().trustedProxies, address)
    )
  }

  /** The servers that were refused and are not registered by now; the last seen is last. */
  unregistered(): ReadonlyArray<RefusedStranger> {
    return this.strangers
      .all()
      .filter(({ name, tripcode }) => !this.accepts(name, tripcode))
      .map((stranger) => ({
        ...stranger,
        reason: this.isRegistered(stranger.name) ? "wrong key" : "unknown name",
      }))
  }

  /** Records which of them the configuration in force registers, except those being {@link approving approved}. */
  recordApproved(): void {
    for (const { name, tripcode } of this.strangers.all()) {
      if (this.approvals.has(approvalKey(name, tripcode)) || !this.accepts(name, tripcode)) continue
      this.recordApproval(name, tripcode, "configuration")
    }
  }

  /** An administrator begins to approve a server. The returned function ends that, with the administrator if the server is registered now. */
  approving(name: string, tripcode: string): (by: string | undefined) => void {
    const key = approvalKey(name, tripcode)
    this.approvals.add(key)
    return (by) => {
      this.approvals.delete(key)
      if (by !== undefined) this.recordApproval(name as ServerName, tripcode as Tripcode, by)
    }
  }

  private recordApproval(name: ServerName, tripcode: Tripcode, by: string): void {
    this.strangers.forget(name, tripcode)
    this.audit.record({ _tag: "ServerApproved", name, tripcode, by })
  }

  /** Hides a refused server until the relay is restarted; `false` if there is none. */
  ignore(name: string, tripcode: string): boolean {
    const isThere = this.strangers.ignore(name, tripcode)
    if (isThere) this.ignoreListener(name, tripcode as Tripcode)
    return isThere
  }

  /** Calls the listener when a server is ignored on this relay. */
  onIgnored(listener: (name: string, tripcode: Tripcode) => void): void {
    this.ignoreListener = listener
  }

  /** A server was ignored on another relay of the cluster. */
  ignoredElsewhere(name: string, tripcode: string): void {
    this.strangers.ignoreAlways(name, tripcode)
  }

  /** A server was approved, and that recorded, on another relay of the cluster. */
  approvedElsewhere(name: ServerName, tripcode: Tripcode): void {
    this.strangers.forget(name, tripcode)
  }

  private tripcodesOf(name: string): ReadonlyArray<Tripcode> {
    return this.settings.derived().servers.get(name)?.tripcodes ?? []
  }
}

const approvalKey = (name: string, tripcode: string): string => `${name} ${tripcode}`

/**
 * Which servers the relay knows, by the configuration in force, and who
 * knocked without being known.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { sameTripcode, tripcodeOfText } from "../../domain/ApiKey.ts"
import * as ListenAddress from "../../domain/ListenAddress.ts"
import { isServerName, type ServerName } from "../../domain/ServerName.ts"
import type { Tripcode } from "../../domain/Tripcode.ts"
import { AuditLog } from "../audit/AuditLog.ts"
import { RelaySettings } from "../settings/RelaySettings.ts"
import * as ServerIndex from "../settings/ServerIndex.ts"
import { isTrusted } from "../settings/TrustedProxies.ts"
import { Traffic } from "../traffic/Traffic.ts"
import { type Stranger, Unregistered as Strangers } from "./Strangers.ts"

/** Somebody who listens with a name or key that is not registered; see {@link Stranger}. */
export interface Unregistered extends Stranger {
  readonly reason: "unknown name" | "wrong key"
}

/** What a key proves. */
export type Identity =
  | { readonly _tag: "Known"; readonly name: ServerName; readonly tripcode: Tripcode }
  | {
      readonly _tag: "Refused"
      readonly reason: "unknown name" | "wrong key"
      readonly tripcode: Tripcode
    }

/** What comes of a server's wish to connect. */
export type Knocked =
  | Identity
  | {
      readonly _tag: "Limited"
      /** In how many seconds more will be looked at. */
      readonly retryAfter: number
    }

type Known = Pick<Stranger, "name" | "tripcode">

/** The most servers that are known by the address from which they were accepted. */
const maxAccepted = 10_000

const noTripcode = "A".repeat(43).concat("=") as Tripcode

/** See the file's header. */
export class Servers extends Context.Service<
  Servers,
  {
    /** Whether this key is that of this name. */
    readonly identify: (name: string, key: string) => Identity
    /** Whether a tripcode is still registered for a name. */
    readonly accepts: (name: ServerName, tripcode: Tripcode) => boolean
    readonly isRegistered: (name: ServerName) => boolean
    /**
     * The same for a server that wants to connect from an address; one that is
     * refused is remembered. Whoever has shown too many wrong keys is told no
     * more which is right: a key that was accepted from there before still is.
     */
    readonly knock: (name: string, key: string, address: string, at: number) => Knocked
    /** Who was refused and is not registered by now; who was seen last is last. */
    readonly unregistered: () => ReadonlyArray<Unregistered>
    /** Records who of them the configuration in force has brought in, but not whom somebody is {@link approving}. */
    readonly recordApproved: () => void
    /** Somebody begins to approve a server. The returned function ends it: with who it was if the server is in force now by them. */
    readonly approving: (name: string, tripcode: string) => (by: string | undefined) => void
    /** Hides somebody of them until the relay is restarted; whether there is one. */
    readonly ignore: (name: string, tripcode: string) => boolean
  }
>()("ptth/relay/Servers") {
  static readonly layer: Layer.Layer<Servers, never, RelaySettings | AuditLog | Traffic> =
    Layer.effect(
      Servers,
      Effect.gen(function* () {
        const settings = yield* RelaySettings
        const audit = yield* AuditLog
        const traffic = yield* Traffic
        return Servers.of(make(settings, audit, traffic))
      }),
    )
}

const make = (
  settings: RelaySettings["Service"],
  audit: AuditLog["Service"],
  traffic: Traffic["Service"],
): Servers["Service"] => {
  const strangers = new Strangers()
  const tripcodesOf = (name: string): ReadonlyArray<Tripcode> =>
    ServerIndex.find(settings.current(), name)?.tripcodes ?? []
  const isRegistered = (name: string): boolean => tripcodesOf(name).length > 0
  const accepts = (name: string, tripcode: Tripcode): boolean =>
    tripcodesOf(name).some((known) => sameTripcode(known, tripcode))
  const accepted = new Set<string>()
  /** Many may be behind this address: of a proxy, or of this machine. */
  const isExempt = (address: string): boolean =>
    ListenAddress.isLoopback(address) || isTrusted(settings.current().trustedProxies, address)
  const identify = (name: string, key: string): Identity => {
    const tripcode = tripcodeOfText(key)
    const registered = tripcodesOf(name)
    const candidates = registered.length === 0 ? [noTripcode] : registered
    let matches = false
    for (const candidate of candidates) matches = sameTripcode(candidate, tripcode) || matches
    return matches && isServerName(name)
      ? { _tag: "Known", name, tripcode }
      : {
          _tag: "Refused",
          reason: registered.length === 0 ? "unknown name" : "wrong key",
          tripcode,
        }
  }
  const underway = new Set<string>()
  const recordApproval = ({ name, tripcode }: Known, by: string): void => {
    strangers.forget(name, tripcode)
    audit.record({ _tag: "ServerApproved", name, tripcode, by })
  }
  return {
    identify,
    recordApproved: () => {
      for (const { name, tripcode } of strangers.all()) {
        if (underway.has(`${name} ${tripcode}`) || !accepts(name, tripcode)) continue
        recordApproval({ name, tripcode }, "configuration")
      }
    },
    approving: (name, tripcode) => {
      const mark = `${name} ${tripcode}`
      underway.add(mark)
      return (by) => {
        underway.delete(mark)
        if (by === undefined) return
        recordApproval({ name: name as ServerName, tripcode: tripcode as Tripcode }, by)
      }
    },
    accepts,
    isRegistered,
    unregistered: () =>
      strangers
        .all()
        .filter(({ name, tripcode }) => !accepts(name, tripcode))
        .map((stranger) => ({
          ...stranger,
          reason: isRegistered(stranger.name) ? "wrong key" : "unknown name",
        })),
    ignore: (name, tripcode) => strangers.ignore(name, tripcode),
    knock: (name, key, address, at) => {
      const identity = identify(name, key)
      const mark = `${address} ${name} ${identity.tripcode}`
      const limited: () => Knocked = () => ({
        _tag: "Limited",
        retryAfter: Math.ceil(strangers.millisLeft(at) / 1000),
      })
      const guesses = strangers.isLimited(address, at) && !isExempt(address)
      if (identity._tag === "Known") {
        if (guesses && !accepted.has(mark)) return limited()
        accepted.delete(mark)
        accepted.add(mark)
        if (accepted.size > maxAccepted) accepted.delete(accepted.keys().next().value as string)
        return identity
      }
      traffic.keyRefused(identity.reason)
      if (guesses) return limited()
      // Whatever is shown later has to be a name.
      if (!isServerName(name)) return identity
      const { reason, tripcode } = identity
      const remembered = strangers.remember(name, tripcode, address, at)
      if (remembered === "new")
        audit.record({ _tag: "ServerRefused", name, reason, tripcode, address })
      if (remembered === "too many") audit.record({ _tag: "RefusalsLimited", address })
      return identity
    },
  }
}

/**
 * Which servers the relay knows, by the configuration in force, and who
 * knocked without being known.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { sameTripcode, tripcodeOfText } from "../domain/ApiKey.ts"
import { isServerName, type ServerName } from "../domain/ServerName.ts"
import type { Tripcode } from "../domain/Tripcode.ts"
import { AuditLog } from "./AuditLog.ts"
import { RelaySettings } from "./RelaySettings.ts"
import * as ServerIndex from "./ServerIndex.ts"
import { Traffic } from "./Traffic.ts"

/** Somebody who listens with a name or key that is not registered. */
export interface Unregistered {
  readonly name: string
  readonly tripcode: Tripcode
  readonly reason: "unknown name" | "wrong key"
  readonly address: string
  readonly firstSeen: number
  readonly lastSeen: number
}

/** What a key proves. */
export type Identity =
  | { readonly _tag: "Known"; readonly name: ServerName; readonly tripcode: Tripcode }
  | {
      readonly _tag: "Refused"
      readonly reason: "unknown name" | "wrong key"
      readonly tripcode: Tripcode
    }

const maxUnregistered = 100
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
    /** Remembers a listen that was refused. */
    readonly remember: (
      name: string,
      refused: Identity & { readonly _tag: "Refused" },
      address: string,
      at: number,
    ) => void
    readonly unregistered: () => ReadonlyArray<Unregistered>
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
  const strangers = new Map<string, Unregistered>()
  const tripcodesOf = (name: string): ReadonlyArray<Tripcode> => {
    const found = ServerIndex.find(settings.current(), name)
    return found === undefined ? [] : [found.tripcode]
  }
  return {
    identify: (name, key) => {
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
    },
    accepts: (name, tripcode) => tripcodesOf(name).some((known) => sameTripcode(known, tripcode)),
    isRegistered: (name) => tripcodesOf(name).length > 0,
    unregistered: () => [...strangers.values()],
    remember: (name, { reason, tripcode }, address, at) => {
      traffic.keyRefused(reason)
      if (!isServerName(name)) return
      const key = `${name} ${tripcode}`
      const before = strangers.get(key)
      strangers.delete(key)
      strangers.set(key, {
        name,
        tripcode,
        reason,
        address,
        firstSeen: before?.firstSeen ?? at,
        lastSeen: at,
      })
      if (strangers.size > maxUnregistered)
        strangers.delete(strangers.keys().next().value as string)
      if (before === undefined)
        audit.record({ _tag: "ServerRefused", name, reason, tripcode, address })
    },
  }
}

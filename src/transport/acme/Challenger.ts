/**
 * Answers challenges: on the plain port, in the TLS handshake, or in the DNS.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Challenge, ChallengeKind, Challenger } from "./AcmeClient.ts"
import type { AcmeError } from "./AcmeError.ts"
import type { ChallengeTable } from "./ChallengeTable.ts"
import { recordOf, type TxtRecord } from "./DnsHook.ts"
import * as X509 from "./X509.ts"

/** How records are set and removed in the DNS. */
export interface DnsRecords {
  readonly add: (record: TxtRecord) => Effect.Effect<void, AcmeError>
  readonly remove: (record: TxtRecord) => Effect.Effect<void, AcmeError>
}

/** By what challenges can be answered. */
export interface ChallengerOptions {
  readonly table: ChallengeTable
  /** Whether there is a plain port. */
  readonly hasPlainPort: boolean
  readonly dns: DnsRecords | undefined
  /** Whether a name is in the zone of `dns`. */
  readonly isInZone: (name: string) => boolean
  /** Gives the answer to the others that may be asked, before the authority is asked to check. */
  readonly spread: (challenge: Challenge, isThere: boolean) => Effect.Effect<void>
}

/** Puts what answers a challenge into a table, or takes it out. */
export const setIn = (
  table: ChallengeTable,
  { host, keyAuthorization, kind, token }: Challenge,
  isThere: boolean,
  now: number,
): void => {
  if (kind === "http-01") table.setToken(token, isThere ? keyAuthorization : undefined)
  if (kind === "tls-alpn-01")
    table.setCertificate(
      host,
      isThere ? X509.challengeCertificate(host, keyAuthorization, now) : undefined,
    )
}

/** Makes one. A kind that failed for a host is tried last the next time. */
export const make = ({
  dns,
  hasPlainPort,
  isInZone,
  spread,
  table,
}: ChallengerOptions): Challenger => {
  /** The kind that was tried last for a host and has not succeeded. */
  const unproven = new Map<string, ChallengeKind>()
  const set = (challenge: Challenge, isThere: boolean) =>
    Effect.map(Clock.currentTimeMillis, (now) => setIn(table, challenge, isThere, now))
  return {
    kinds: (name) => {
      if (dns !== undefined && isInZone(name)) return ["dns-01"]
      if (name.startsWith("*.")) return []
      const kinds: ReadonlyArray<ChallengeKind> = hasPlainPort
        ? ["http-01", "tls-alpn-01"]
        : ["tls-alpn-01"]
      return unproven.get(name) === kinds[0] ? kinds.toReversed() : kinds
    },
    show: (challenge) => {
      if (challenge.kind === "dns-01") return dns?.add(recordOf(challenge)) ?? Effect.void
      unproven.set(challenge.host, challenge.kind)
      return Effect.andThen(set(challenge, true), spread(challenge, true))
    },
    succeeded: ({ host }) => {
      unproven.delete(host)
    },
    remove: (challenge) =>
      challenge.kind === "dns-01"
        ? Effect.ignore(dns?.remove(recordOf(challenge)) ?? Effect.void)
        : Effect.andThen(set(challenge, false), spread(challenge, false)),
  }
}

/**
 * Members by a name in the DNS, such as a headless service of Kubernetes: each
 * of its addresses is a relay, at one port. The name is resolved again every
 * few seconds; while that fails, the members stay as they were.
 */
import * as dns from "node:dns"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ListenAddress from "../../domain/ListenAddress.ts"
import { type MembershipShape, settable } from "../Membership.ts"

/** The time between two resolutions. */
export const resolveInterval = "5 seconds"

/** Resolves a name to IP addresses. */
export type Resolve = (name: string) => Promise<ReadonlyArray<string>>

/** What a program gets from the system, `/etc/hosts` included. */
const system: Resolve = async (name) => {
  const addresses = await dns.promises.lookup(name, { all: true })
  return addresses.map(({ address }) => address)
}

/** Why a name cannot be resolved, such as `ENOTFOUND`. */
const reasonOf = (error: unknown): string =>
  error instanceof Error && "code" in error ? String(error.code) : String(error)

/** Resolves the name while the Scope is open. */
export const make = Effect.fn("DnsMembership.make")(function* (
  { host, port }: ListenAddress.ListenAddress,
  resolve: Resolve = system,
): Effect.fn.Return<MembershipShape, never, Scope.Scope> {
  const { members, set } = yield* settable
  let failing = false

  const follow = Effect.fnUntraced(function* (addresses: ReadonlyArray<string>) {
    if (failing) yield* Effect.logInfo(`peers: ${host} is resolved again`)
    failing = false
    yield* set(
      [...new Set(addresses)]
        .sort()
        .map((address) => ({ at: `tcp:${ListenAddress.format({ host: address, port })}` })),
    )
  })

  const keep = (error: unknown): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (failing) return Effect.void
      failing = true
      return Effect.logWarning(
        `peers: ${host} cannot be resolved (${reasonOf(error)}); known addresses stay in use`,
      )
    })

  yield* Effect.tryPromise({ try: () => resolve(host), catch: (error) => error }).pipe(
    Effect.matchEffect({ onFailure: keep, onSuccess: follow }),
    Effect.andThen(Effect.sleep(resolveInterval)),
    Effect.forever,
    Effect.forkScoped,
  )
  return { members, leave: Effect.void }
})

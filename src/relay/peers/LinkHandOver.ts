/**
 * Before a relay of several stops: has servers open their links elsewhere, one
 * after the other for each process of a server, so that a server is connected
 * somewhere all the time.
 */
import * as Effect from "effect/Effect"
import type { PeersShape } from "../../cluster/Peers.ts"
import type { Link } from "../dispatch/Link.ts"
import type { Rendezvous } from "../dispatch/Rendezvous.ts"

/** How long a process may take to open a link elsewhere, in milliseconds. */
const elsewhereMillis = 3_000

/** Drains the links of this relay; ends when each has been drained. */
export const run = (peers: PeersShape, rendezvous: Rendezvous["Service"]): Effect.Effect<void> =>
  Effect.suspend(() => {
    const hasPeers = peers.list().some(({ state, takesHops }) => state === "up" && takesHops)
    if (!hasPeers) return Effect.void
    const processes = Map.groupBy(
      rendezvous.announcedLinks(),
      ({ instance, name }) => `${name} ${instance}`,
    )
    return Effect.forEach(
      [...processes.values()],
      (links) => drainInTurn(peers, rendezvous, links),
      {
        concurrency: "unbounded",
        discard: true,
      },
    )
  }).pipe(Effect.andThen(Effect.sync(() => peers.withdraw())))

const drainInTurn = (
  peers: PeersShape,
  rendezvous: Rendezvous["Service"],
  links: ReadonlyArray<Link>,
): Effect.Effect<void> =>
  Effect.forEach(
    links,
    (link) => {
      const before = countElsewhere(peers, link)
      return Effect.andThen(
        Effect.sync(() => rendezvous.drainLink(link)),
        isElsewhere(peers, link, before),
      )
    },
    { discard: true },
  )

/** How many links of a process other relays have. */
const countElsewhere = (peers: PeersShape, { instance, name }: Link): number =>
  peers
    .holders(name)
    .reduce((sum, { links }) => sum + links.filter((one) => one.instance === instance).length, 0)

/** Waits until other relays have more links of a process than before, for a while. */
const isElsewhere = (peers: PeersShape, link: Link, before: number): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const look = (): void => {
      if (countElsewhere(peers, link) > before) resume(Effect.void)
    }
    const stop = peers.onPresence(look)
    look()
    return Effect.sync(stop)
  }).pipe(Effect.timeoutOption(elsewhereMillis), Effect.asVoid)

/**
 * The time-outs of the tunnel's model test, in milliseconds of simulated time.
 */

/** The port of the relay on the simulated network. */
export const relayPort = 7
/** How often a stream link is checked by a ping. */
export const heartbeatMillis = 2_100
/** How long the relay keeps a request for a server that is away. */
export const waitMillis = 3_300
/** How long a server may take for a response's head. */
export const responseMillis = 5_000
/** How long a body may stand still. */
export const idleMillis = 6_000
/** By then every request of the fault phase has ended: four offers, each with its wait and its response. */
export const longest = 4 * (waitMillis + responseMillis) + 2 * idleMillis
/** How often a request that may be repeated is offered to servers. */
export const offersAtMost = 4
/** How long it takes until a visitor learns that a link was cut: four trips. */
export const disruptionMillis = 200
/** Longer than the relay parks a classic listen request. */
export const parkedMillis = 26_000
/** How long the relay remembers a request that ended without its server. */
export const rememberedMillis = 120_000
/** How long a classic server may be silent before the relay considers it gone. */
export const silentMillis = 3_000
/** How long a classic server may be without a listen before other relays of a cluster get its requests. */
const absentMillis = 250
/** Deadlines that may still be open when a relay has stopped. A running clock's are as long as {@link absentMillis}: those are counted themselves. */
export const mayOutlive = new Set([rememberedMillis, silentMillis, absentMillis])

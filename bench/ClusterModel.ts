/**
 * What many relays carry, computed from the measured processor time of a request.
 * Each relay has a processor of its own; visitors are spread evenly over all; each
 * server has links at `spread` of them. Memory, the network and the load balancer
 * cost nothing here, so these are upper bounds.
 */
import { printHeading, printRow } from "./Table.ts"

/** Processor time of a request in microseconds. */
export interface HopCost {
  /** Without a hop, in the one relay. */
  readonly direct: number
  /** With a hop, in the visitor's relay. */
  readonly visitors: number
  /** With a hop, in the relay that has the server's link. */
  readonly holders: number
}

/** Requests per second of so many relays, if there are many servers. */
export const manyServers = (cost: HopCost, relays: number, spread: number): number => {
  const local = Math.min(1, spread / relays)
  const mean = local * cost.direct + (1 - local) * (cost.visitors + cost.holders)
  return (relays * 1e6) / mean
}

/** Requests per second of so many relays, if all are for one server: its holders are the limit. */
export const oneServer = (cost: HopCost, relays: number, spread: number): number => {
  const holders = Math.min(spread, relays)
  const local = holders / relays
  const ofHolder = cost.direct / relays + ((1 - local) / holders) * cost.holders
  const ofOther = cost.visitors / relays
  return 1e6 / (local === 1 ? ofHolder : Math.max(ofHolder, ofOther))
}

/** Prints a table for 1 to 64 relays. */
export const printModel = (cost: HopCost): void => {
  printHeading([
    "relays, thousand requests/s",
    "many servers: 2 links",
    "4 links",
    "links at all",
    "one server: 2 links",
    "4 links",
    "links at all",
  ])
  for (const relays of [1, 2, 4, 8, 16, 32, 64]) {
    const cells = [manyServers, oneServer].flatMap((rate) =>
      [2, 4, relays].map((spread) => Math.round(rate(cost, relays, spread) / 1000)),
    )
    printRow([relays, ...cells])
  }
}

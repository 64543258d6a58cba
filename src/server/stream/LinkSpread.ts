/**
 * Where the links of a server belong, if several relays serve as one: at as many
 * relays as there are links, and at two machines if there are two
 * (docs/protocol.md, Several relays).
 */
import type { Relays } from "../../protocol/Frame.ts"
import { maxLinks } from "../../protocol/Wire.ts"

/** The relays that serve as one. */
export type RelayList = Pick<Relays, "links" | "machines">

/** A link that works. */
export interface PlacedLink {
  readonly number: number
  /** The id of its relay; empty if that is not known. */
  readonly relay: string
}

/** The list of a server to which no relay has sent one. */
export const unknown: RelayList = { links: 0, machines: [] }

/**
 * Merges the lists of several relays. Relays that cannot reach each other name only
 * themselves, and links to each of them work.
 */
export const union = (lists: ReadonlyArray<RelayList>): RelayList => {
  const machines: Array<Set<string>> = []
  for (const ids of lists.flatMap((list) => list.machines)) {
    const machine = machines.find((others) => ids.some((id) => others.has(id)))
    if (machine === undefined) machines.push(new Set(ids))
    else for (const id of ids) machine.add(id)
  }
  return {
    links: lists.reduce((most, { links }) => Math.max(most, Math.min(links, maxLinks)), 0),
    machines: machines.map((ids) => [...ids] as [string, ...Array<string>]),
  }
}

const textOf = ({ links, machines }: RelayList): string =>
  `${links} ${machines
    .map((ids) => ids.toSorted().join(","))
    .sort()
    .join(";")}`

/** Whether two lists say the same. */
export const isSame = (one: RelayList, other: RelayList): boolean => textOf(one) === textOf(other)

/** How many links each relay has. */
const countsOf = (
  ids: ReadonlyArray<string>,
  { machines }: RelayList,
): ReadonlyMap<string, number> => {
  const counts = new Map(machines.flat().map((id) => [id, 0]))
  for (const id of ids) {
    const count = counts.get(id)
    if (count !== undefined) counts.set(id, count + 1)
  }
  return counts
}

/** How many links the relays of a machine have. */
const countOf = (machine: ReadonlyArray<string>, counts: ReadonlyMap<string, number>): number =>
  machine.reduce((sum, id) => sum + (counts.get(id) ?? 0), 0)

/** The fewest links of a machine that has a relay without one; `undefined` if every relay has one. */
const fewestOfOpen = (
  { machines }: RelayList,
  counts: ReadonlyMap<string, number>,
): number | undefined => {
  const open = machines.filter((machine) => machine.some((id) => (counts.get(id) ?? 0) === 0))
  return open.length === 0
    ? undefined
    : Math.min(...open.map((machine) => countOf(machine, counts)))
}

/** The relays of the machines that have so many links or more. */
const crowdedMachines = (
  { machines }: RelayList,
  counts: ReadonlyMap<string, number>,
  least: number,
): ReadonlyArray<string> => machines.filter((machine) => countOf(machine, counts) >= least).flat()

/**
 * The relays that are not to accept a further link: those that have more links
 * than the one with the fewest. While some relay has none, these are also all
 * relays of each machine that has more links than a machine with such a relay.
 *
 * @param others the relays of the links that work
 */
export const unwanted = (
  others: ReadonlyArray<string>,
  relays: RelayList,
): ReadonlyArray<string> => {
  const ids = others.filter((id) => id !== "")
  const counts = countsOf(ids, relays)
  const fewest = counts.size === 0 ? 0 : Math.min(...counts.values())
  const crowded = ids.filter((id) => (counts.get(id) ?? 1) > fewest)
  const open = fewestOfOpen(relays, counts)
  const machines = open === undefined ? [] : crowdedMachines(relays, counts, open + 1)
  return [...new Set([...crowded, ...machines])]
}

/**
 * The link that is to be opened elsewhere; `undefined` if all are well placed. It
 * is the newest of a relay that has two more than another, or of a machine that
 * has two more than a machine that has a relay without any.
 */
export const misplaced = (
  links: ReadonlyArray<PlacedLink>,
  relays: RelayList,
): PlacedLink | undefined => {
  const listed = new Set(relays.machines.flat())
  const placed = links.filter(({ relay }) => listed.has(relay))
  const counts = countsOf(
    placed.map(({ relay }) => relay),
    relays,
  )
  const most = Math.max(...counts.values())
  const open = fewestOfOpen(relays, counts)
  const crowded =
    most - Math.min(...counts.values()) >= 2
      ? [...listed].filter((id) => counts.get(id) === most)
      : open === undefined
        ? []
        : crowdedMachines(relays, counts, open + 2)
  return placed
    .filter(({ relay }) => crowded.includes(relay))
    .reduce<PlacedLink | undefined>(
      (newest, link) => (newest === undefined || link.number > newest.number ? link : newest),
      undefined,
    )
}

/** A machine of which no relay was there before; `undefined` if nothing was known then. */
export const newMachine = (
  before: RelayList,
  { machines }: RelayList,
): ReadonlyArray<string> | undefined => {
  const knownIds = new Set(before.machines.flat())
  return knownIds.size === 0
    ? undefined
    : machines.find((machine) => !machine.some((id) => knownIds.has(id)))
}

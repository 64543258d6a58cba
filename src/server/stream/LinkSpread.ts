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

/** What a server knows that has been told nothing. */
export const unknown: RelayList = { links: 0, machines: [] }

/**
 * What several relays say together. Those that cannot reach each other name
 * only themselves, and links to each of them work.
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

/** The machine that has all links although there is another; `undefined` if there is none. */
const onlyMachine = (
  ids: ReadonlyArray<string>,
  { machines }: RelayList,
): ReadonlyArray<string> | undefined =>
  ids.length === 0 || machines.length < 2
    ? undefined
    : machines.find((machine) => ids.every((id) => machine.includes(id)))

/**
 * The relays that are not to accept a further link: those that have more than the
 * fewest, and all of the machine that has all links.
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
  return [...new Set([...crowded, ...(onlyMachine(ids, relays) ?? [])])]
}

/** The link that is to be opened elsewhere, the newest of a relay that has the most; `undefined` if all are well placed. */
export const misplaced = (
  links: ReadonlyArray<PlacedLink>,
  relays: RelayList,
): PlacedLink | undefined => {
  const listed = new Set(relays.machines.flat())
  const placed = links.filter(({ relay }) => listed.has(relay))
  if (placed.length < 2) return undefined
  const ids = placed.map(({ relay }) => relay)
  const counts = countsOf(ids, relays)
  const most = Math.max(...counts.values())
  const isUneven = most - Math.min(...counts.values()) >= 2
  if (!isUneven && onlyMachine(ids, relays) === undefined) return undefined
  return placed
    .filter(({ relay }) => counts.get(relay) === most)
    .reduce((newest, link) => (link.number > newest.number ? link : newest))
}

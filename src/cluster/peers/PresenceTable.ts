/**
 * Which links one peer has, by its presence frames: a snapshot, then changes.
 */
import type { ServerName } from "../../domain/ServerName.ts"
import type { Presence } from "../../protocol/peer/PeerFrame.ts"
import { keyOf, type PresentLink } from "../../protocol/peer/PresentLink.ts"

/** What a frame changed. */
export interface TableChange {
  readonly joined: ReadonlyArray<PresentLink>
  readonly left: ReadonlyArray<PresentLink>
}

const noChange: TableChange = { joined: [], left: [] }

/** See the file's header. */
export class PresenceTable {
  private links = new Map<string, PresentLink>()
  private readonly byName = new Map<ServerName, Set<PresentLink>>()
  /** The snapshot that is coming. */
  private snapshot: Map<string, PresentLink> | undefined
  private sequence = 0

  /** How many links there are. */
  get size(): number {
    return this.links.size
  }

  /** All links. */
  all(): ReadonlyArray<PresentLink> {
    return [...this.links.values()]
  }

  /** The links of a server. */
  of(name: ServerName): ReadonlySet<PresentLink> | undefined {
    return this.byName.get(name)
  }

  /** Applies a frame; `undefined` if one before it is missing. */
  apply(frame: Presence): TableChange | undefined {
    if (frame.isFirst) this.snapshot = new Map()
    else if (frame.sequence !== (this.sequence + 1) >>> 0) return undefined
    this.sequence = frame.sequence
    const { snapshot } = this
    if (snapshot === undefined) return this.change(frame)
    for (const link of frame.joined) snapshot.set(keyOf(link), link)
    if (!frame.isComplete) return noChange
    this.snapshot = undefined
    return this.replace(snapshot)
  }

  /** The peer is gone: removes everything. */
  clear(): TableChange {
    this.snapshot = undefined
    return this.replace(new Map())
  }

  /** Removes the links of a server. */
  forget(name: ServerName): TableChange {
    const left = [...(this.byName.get(name) ?? [])]
    for (const link of left) this.remove(keyOf(link))
    return { joined: [], left }
  }

  private change(frame: Presence): TableChange {
    const left = frame.left.flatMap((key) => this.remove(keyOf(key)) ?? [])
    const replaced = frame.joined.flatMap((link) => this.remove(keyOf(link)) ?? [])
    for (const link of frame.joined) this.add(link)
    return { joined: frame.joined, left: [...left, ...replaced] }
  }

  private replace(links: Map<string, PresentLink>): TableChange {
    const before = this.links
    const left = [...before].flatMap(([key, link]) =>
      links.get(key)?.openedAt === link.openedAt ? [] : [link],
    )
    const joined = [...links].flatMap(([key, link]) =>
      before.get(key)?.openedAt === link.openedAt ? [] : [link],
    )
    for (const link of left) this.remove(keyOf(link))
    for (const link of joined) this.add(link)
    return { joined, left }
  }

  private add(link: PresentLink): void {
    this.links.set(keyOf(link), link)
    const links = this.byName.get(link.name)
    if (links === undefined) this.byName.set(link.name, new Set([link]))
    else links.add(link)
  }

  private remove(key: string): PresentLink | undefined {
    const link = this.links.get(key)
    if (link === undefined) return undefined
    this.links.delete(key)
    const links = this.byName.get(link.name)
    links?.delete(link)
    if (links?.size === 0) this.byName.delete(link.name)
    return link
  }
}

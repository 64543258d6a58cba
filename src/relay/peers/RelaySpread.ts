/**
 * What servers are told of the relays that serve as one, so that each spreads its
 * links over some of them, and what happens to a link here when its server opens
 * it elsewhere (docs/protocol.md, Several relays).
 */
import type { PeersShape, PeerView, PresenceChange, PresentLink } from "../../cluster/Peers.ts"
import type { HeaderList } from "../../domain/HeaderList.ts"
import type { Relays } from "../../protocol/Frame.ts"
import * as StreamFrame from "../../protocol/StreamFrame.ts"
import type { RelaySettings } from "../settings/RelaySettings.ts"

/** What it needs of the relay. */
export interface RelaySpreadContext {
  readonly peers: PeersShape
  readonly settings: RelaySettings["Service"]
}

/** Over how many relays links are spread, if the configuration has no `[cluster]`: its workers are the relays. */
const defaultSpread = 4

/** The links of servers that this relay has. */
export interface LocalLinks {
  /** Sends a frame on every link. */
  send(frame: Buffer): void
  /** A link was opened at another relay. */
  openedElsewhere(link: PresentLink, isNewProcess: boolean): void
  /** A process listens by classic at another relay. */
  listensElsewhere(link: PresentLink): void
}

/** See the file's header. */
export class RelaySpread {
  private readonly context: RelaySpreadContext
  private isDraining = false
  /** The frame that servers were sent last. */
  private last: Buffer | undefined

  constructor(context: RelaySpreadContext) {
    this.context = context
  }

  /** Keeps the servers of these links informed; the returned function stops that. */
  follow(links: LocalLinks): () => void {
    const { peers } = this.context
    const stops = [
      peers.onPeers(() => this.tell(links)),
      peers.onPresence((change) => this.onPresence(change, links)),
    ]
    return () => {
      for (const stop of stops) stop()
    }
  }

  /** The id of this relay for servers; `undefined` if there are no others. */
  private get id(): string | undefined {
    const { isAlone, self } = this.context.peers
    return isAlone ? undefined : self.id
  }

  /** Whether a link is to go to another relay, by the ids that its server gives. */
  isUnwanted(have: ReadonlyArray<string>): boolean {
    if (this.id === undefined || have.length === 0) return false
    return this.isDraining || have.includes(this.id)
  }

  /** The worker of this machine that has the fewest links, of those that may have another. */
  workerFor(have: ReadonlyArray<string>): string | undefined {
    const { peers } = this.context
    return peers
      .list()
      .filter(
        ({ id, isDraining, machine, state }) =>
          machine === peers.self.machine && state === "up" && !isDraining && !have.includes(id),
      )
      .reduce<PeerView | undefined>(
        (fewest, peer) => (fewest === undefined || peer.links < fewest.links ? peer : fewest),
        undefined,
      )?.id
  }

  /** The fields of a 409. */
  get identity(): HeaderList {
    return this.id === undefined ? [] : [["X-PTTH-Relay", this.id]]
  }

  /** The fields of a 101. */
  get fields(): HeaderList {
    return this.id === undefined ? [] : [...this.identity, ["X-PTTH-Links", `${this.list.links}`]]
  }

  /** The frame for a link that has just been opened; `undefined` if there are no other relays. */
  get frame(): Buffer | undefined {
    return this.id === undefined ? undefined : StreamFrame.relays(this.list)
  }

  /** This relay accepts no more links. */
  drain(): void {
    this.isDraining = true
  }

  private tell(links: LocalLinks): void {
    const { frame, last } = this
    if (frame === undefined || last?.equals(frame) === true) return
    this.last = frame
    links.send(frame)
  }

  private onPresence({ joined }: PresenceChange, links: LocalLinks): void {
    for (const link of joined)
      if (link.transport === "stream") links.openedElsewhere(link, this.isNewProcess(link))
      else links.listensElsewhere(link)
  }

  /** Whether no peer has an earlier link of the same process. */
  private isNewProcess({ instance, name, openedAt }: PresentLink): boolean {
    return !this.context.peers
      .holders(name)
      .some(({ links }) =>
        links.some((other) => other.instance === instance && other.openedAt < openedAt),
      )
  }

  /** The relays that accept links, and over how many of them a server is to spread its own. */
  private get list(): Omit<Relays, "_tag"> {
    const { peers, settings } = this.context
    const { id, machine } = peers.self
    const relays = peers.list().filter(({ isDraining, state }) => state === "up" && !isDraining)
    const all = [...(this.isDraining ? [] : [{ id, machine }]), ...relays]
    const machines = [...Map.groupBy(all, (relay) => relay.machine)].sort(([one], [other]) =>
      one < other ? -1 : 1,
    )
    const spread = settings.current().cluster?.spread ?? defaultSpread
    const least = Math.min(machines.length, 2)
    return {
      links: Math.max(least, Math.min(all.length, spread)),
      machines: machines.map(([, relays]) => relays.map((relay) => relay.id).sort() as [string]),
    }
  }
}

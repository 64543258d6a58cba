/**
 * Reports relays that give this relay's address as their own, as a copied
 * configuration does: neither would connect to the other, without a word.
 */
import type { Deadline, Deadlines } from "../../transport/runtime/Deadlines.ts"
import type { Member } from "../Membership.ts"

/** How long a member may have this relay's address, in milliseconds: at first it may be this relay's lease under an id of before. */
const conflictMillis = 10_000

/** What it needs of the relay. */
export interface AddressConflictsOptions {
  /** This relay's. */
  readonly id: string
  readonly deadlines: Deadlines
  /** Whether an address is this relay's. */
  readonly isOwn: (at: string) => boolean
  readonly warn: (message: string) => void
}

/** See the file's header. */
export class AddressConflicts {
  private readonly options: AddressConflictsOptions
  /** Members with this relay's address, by their ids. */
  private members: ReadonlyMap<string, string> = new Map()
  private timer: Deadline | undefined
  private readonly reported = new Set<string>()

  constructor(options: AddressConflictsOptions) {
    this.options = options
  }

  /** The members have changed. */
  follow(members: ReadonlyArray<Member>): void {
    const { deadlines, id: own, isOwn } = this.options
    this.members = new Map(
      members.flatMap(({ at, id }) =>
        id === undefined || id === own || !isOwn(at) ? [] : [[id, at] as const],
      ),
    )
    if (this.members.size === 0 || this.timer !== undefined) return
    this.timer = deadlines.set(conflictMillis, () => {
      this.timer = undefined
      for (const [id, at] of this.members) this.report(id, at)
    })
  }

  /** Logs once that another relay has the address of this one. */
  report(id: string, at: string): void {
    if (this.reported.has(id)) return
    this.reported.add(id)
    this.options.warn(
      `peers: ${id} and this relay both give ${at} as their address; no request hops between them. Set \`advertise\` in [cluster] to an address of the relay's own`,
    )
  }

  close(): void {
    this.timer?.clear()
  }
}

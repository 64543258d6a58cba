/**
 * The locks of WebDAV (RFC 4918 6 and 7): in memory, at most a thousand, each
 * for an hour at most unless it is refreshed. If there are too many, the network
 * that has made the most loses one. A lock is for a real path, so that no other
 * spelling or link evades it.
 */
import { randomUUID } from "node:crypto"
import { networkOf, spares } from "../../domain/visitor/FairShare.ts"
import type { ByteName } from "../names/ByteName.ts"
import { isInside } from "../root/Root.ts"

/** The most locks. */
export const maxLocks = 1_000
/** The most shared locks that hold for the same path: each entry of a listing has all of them. */
export const maxShared = 8
/** The longest time in seconds until a lock has to be refreshed. */
export const maxSeconds = 3_600

/** A lock. */
export interface Lock {
  readonly token: string
  /** The real path of what is locked. */
  readonly real: ByteName
  readonly scope: "exclusive" | "shared"
  /** Whether everything below is locked, too. */
  readonly deep: boolean
  /** What its owner wrote about itself, as XML. */
  readonly owner: string
  /** The address of what is locked, without the prefix of path mode. */
  readonly address: string
  readonly seconds: number
  /** When it ends, in milliseconds of a monotonic clock. */
  readonly expires: number
  /** That of the visitor who made it: an IPv4 /24, an IPv6 /48. */
  readonly network: string
}

/** A lock that is asked for. */
export interface NewLock
  extends Pick<Lock, "address" | "deep" | "owner" | "real" | "scope" | "seconds"> {
  /** The visitor's address. */
  readonly visitor: string
}

const isBelow = (real: ByteName, folder: ByteName): boolean =>
  real !== folder && isInside(real, folder)

const covers = (lock: Lock, real: ByteName): boolean =>
  lock.real === real || (lock.deep && isBelow(real, lock.real))

/** See the head of this file. */
export class Locks {
  private readonly locks = new Map<string, Lock>()
  private readonly now: () => number

  /** @param now milliseconds of a monotonic clock */
  constructor(now: () => number = () => performance.now()) {
    this.now = now
  }

  /** The locks that hold for a path, of itself or of a folder above. */
  of(real: ByteName): ReadonlyArray<Lock> {
    return this.active().filter((lock) => covers(lock, real))
  }

  /**
   * The lock that keeps a path from being changed by who has these tokens.
   *
   * @param deep whether everything below is changed, too
   */
  blocking(real: ByteName, tokens: ReadonlySet<string>, deep = false): Lock | undefined {
    const active = this.active()
    const own = active.filter((lock) => covers(lock, real))
    const below = deep ? active.filter((lock) => isBelow(lock.real, real)) : []
    // Of shared locks one token is enough.
    const isFree = own.length === 0 || own.some(({ token }) => tokens.has(token))
    return isFree ? below.find(({ token }) => !tokens.has(token)) : own[0]
  }

  /** Whether a path is locked at all. */
  isLocked(real: ByteName): boolean {
    return this.locks.size > 0 && this.of(real).length > 0
  }

  /** Makes a lock; the lock that is in its way, or `full` if there are too many. */
  add({ visitor, ...lock }: NewLock): Lock | { readonly conflict: Lock } | "full" {
    const { deep, real, scope } = lock
    const overlapping = this.active().filter(
      (other) => covers(other, real) || (deep && isBelow(other.real, real)),
    )
    const conflict = overlapping.find(
      (other) => scope === "exclusive" || other.scope === "exclusive",
    )
    if (conflict !== undefined) return { conflict }
    const network = networkOf(visitor)
    if (overlapping.length >= maxShared || !this.makeRoom(network)) return "full"
    return this.store({ ...lock, network, token: `opaquelocktoken:${randomUUID()}` })
  }

  /** Restarts the time of a lock. */
  refresh(token: string, seconds: number): Lock | undefined {
    const lock = this.active().find((candidate) => candidate.token === token)
    return lock === undefined ? undefined : this.store({ ...lock, seconds })
  }

  /** Ends a lock that holds for a path; whether there was one. */
  remove(token: string, real: ByteName): boolean {
    const lock = this.of(real).find((candidate) => candidate.token === token)
    return lock !== undefined && this.locks.delete(lock.token)
  }

  /** Ends the locks of a path and of everything below: it is gone. */
  forget(real: ByteName): void {
    for (const lock of this.active())
      if (lock.real === real || isBelow(lock.real, real)) this.locks.delete(lock.token)
  }

  /** Whether there may be another lock; another network may lose the one that ends first for it. */
  private makeRoom(asking: string): boolean {
    if (this.locks.size < maxLocks) return true
    const [spare] = spares(this.locks.values(), asking).toSorted((a, b) => a.expires - b.expires)
    return spare !== undefined && this.locks.delete(spare.token)
  }

  private store(lock: Omit<Lock, "expires">): Lock {
    const seconds = Math.max(1, Math.min(lock.seconds, maxSeconds))
    const stored = { ...lock, seconds, expires: this.now() + seconds * 1000 }
    this.locks.set(lock.token, stored)
    return stored
  }

  private active(): ReadonlyArray<Lock> {
    const now = this.now()
    for (const { expires, token } of this.locks.values())
      if (expires <= now) this.locks.delete(token)
    return [...this.locks.values()]
  }
}

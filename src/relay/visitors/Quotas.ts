/**
 * How often something may happen, and how much of it at once, for each of many:
 * a bucket that fills with time and from which each time takes a token, and a
 * count of what runs. Only what is in use is kept, and hardly ever more than a
 * number of places.
 */

import type { Quota } from "../settings/RequestQuotas.ts"

/** One of the many. */
export interface Place {
  tokens: number
  at: number
  running: number
}

/** So many milliseconds after too many at once somebody may have finished. */
const busyMillis = 1_000

/** See the file's header. */
export class Quotas {
  private readonly most: number
  private readonly places = new Map<string, Place>()

  constructor(most = 50_000) {
    this.most = most
  }

  /** How many are kept. */
  get size(): number {
    return this.places.size
  }

  /** Begins something: its place, to be left, or the milliseconds until there may be one. */
  enter(key: string, now: number, { atOnce, burst, perSecond }: Quota): Place | number {
    let place = this.places.get(key)
    if (place === undefined) {
      if (this.places.size >= this.most) this.makeRoom(now, { atOnce, burst, perSecond })
      place = { tokens: burst, at: now, running: 0 }
      this.places.set(key, place)
    } else {
      // A clock that was put back gives nothing, and takes nothing either.
      const passed = Math.max(0, now - place.at)
      place.tokens = Math.min(burst, place.tokens + (passed * perSecond) / 1000)
      place.at = now
    }
    if (place.running >= atOnce) return busyMillis
    if (place.tokens < 1) return Math.ceil(((1 - place.tokens) / perSecond) * 1000)
    place.tokens -= 1
    place.running += 1
    return place
  }

  /** Ends what was begun. */
  leave(place: Place): void {
    place.running -= 1
  }

  /** Ends what was begun as if it had never been. */
  takeBack(place: Place): void {
    place.running -= 1
    place.tokens += 1
  }

  /** Forgets all who could do as much if they had never been there. */
  sweep(now: number, { burst, perSecond }: Quota): void {
    for (const [key, { at, running, tokens }] of this.places) {
      if (running === 0 && tokens + ((now - at) * perSecond) / 1000 >= burst)
        this.places.delete(key)
    }
  }

  /** Sweeps, and if that is not enough forgets the eldest that are idle: a tenth, so that it is seldom. */
  private makeRoom(now: number, quota: Quota): void {
    this.sweep(now, quota)
    if (this.places.size < this.most) return
    let left = Math.ceil(this.most / 10)
    for (const [key, { running }] of this.places) {
      if (running > 0) continue
      this.places.delete(key)
      left -= 1
      if (left === 0) return
    }
  }
}

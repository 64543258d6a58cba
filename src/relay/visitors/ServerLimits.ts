/**
 * How much one visitor may ask for, by address, and how much may be asked of
 * one server. A visitor on this machine, and a proxy that names no visitor, are
 * many visitors at once and have no limit.
 */

import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import * as ListenAddress from "../../domain/ListenAddress.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import { bucketOf } from "../../domain/VisitorAddress.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import type { Cancel, Reply } from "../../transport/body/Handler.ts"
import { refuse } from "../../transport/body/Replies.ts"
import type { FrontRequest } from "../../transport/front/FrontRequest.ts"
import type { DerivedConfig } from "../settings/DerivedConfig.ts"
import type { Quota } from "../settings/RequestQuotas.ts"
import { clientAddress, isTrusted } from "../settings/TrustedProxies.ts"
import { type Place, Quotas } from "./Quotas.ts"

/** The limits of one relay. */
export interface Limits {
  /** Goes on with `next`, unless the visitor asks for too much. */
  readonly visitor: (request: FrontRequest, reply: Reply, next: () => Cancel) => Cancel
  /** Goes on with `next`, unless too much is asked of the server. */
  readonly server: (
    name: ServerName,
    request: FrontRequest,
    reply: Reply,
    next: () => Cancel,
  ) => Cancel
  /** Forgets who has not asked for anything for a while. */
  readonly sweep: () => void
}

const none = Number.POSITIVE_INFINITY

/** Makes the limits. `now` gives milliseconds. */
export const make = (derived: () => DerivedConfig, now: () => number): Limits => {
  const visitors = new Quotas()
  const servers = new Quotas()

  const within = (
    quotas: Quotas,
    key: string,
    quota: Quota,
    request: FrontRequest,
    reply: Reply,
    next: () => Cancel,
  ): Cancel => {
    const place = quotas.enter(key, now(), quota)
    if (typeof place !== "number") return leaving(quotas, place, next())
    const whose = quotas === servers ? "of this server" : "from your address"
    return refuse(request.body, reply, tooMany(whose, place))
  }

  return {
    visitor: (request, reply, next) => {
      const { config, quotas } = derived()
      const quota = quotas.address
      if (quota === undefined) return next()
      const { address, head } = request
      const visitor = clientAddress(config.trustedProxies, address, head.headers)
      if (ListenAddress.isLoopback(visitor) || isTrusted(config.trustedProxies, visitor))
        return next()
      return within(visitors, bucketOf(visitor), quota, request, reply, next)
    },
    server: (name, request, reply, next) => {
      const quota = derived().quotas.servers.get(name)
      return quota === undefined ? next() : within(servers, name, quota, request, reply, next)
    },
    sweep: () => {
      visitors.sweep(now(), derived().quotas.address ?? unlimited)
    },
  }
}

const unlimited: Quota = { atOnce: none, perSecond: none, burst: 0 }

/** The front calls what it is given once, when all is over. */
const leaving = (quotas: Quotas, place: Place, cancel: Cancel): Cancel => {
  let left = false
  return () => {
    if (!left) quotas.leave(place)
    left = true
    cancel()
  }
}

const tooMany = (what: string, wait: number): ExchangeError =>
  new ExchangeError({
    code: "PTTH_TOO_MANY_REQUESTS",
    detail: `there are too many requests ${what}`,
    retryAfter: Math.max(1, Math.ceil(wait / 1000)),
  })

/** Whether a request has more fields than are allowed, and what is said then. */
export const tooManyFields = (
  config: RelayConfig,
  request: FrontRequest,
): ExchangeError | undefined =>
  request.head.headers.length <= config.maxFields
    ? undefined
    : new ExchangeError({
        code: "PTTH_HEAD_TOO_LARGE",
        detail: `more than ${config.maxFields} fields`,
      })

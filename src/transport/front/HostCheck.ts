/**
 * Refuses requests to other hosts than one's own, for what listens on loopback
 * without a password: see `OwnHost.ts`.
 */
import { type HostPattern, isToOwnHost } from "../../domain/OwnHost.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import { refuse } from "../body/Replies.ts"
import type { FrontHandler } from "./FrontRequest.ts"

const wrongHost = new ExchangeError({
  code: "PTTH_WRONG_HOST",
  detail:
    "its Host field names neither an IP address, nor localhost, nor a host of --allowed-hosts",
})

/** The handler behind the check. Where there are no patterns, every host is answered. */
export const onlyOwnHosts =
  (handler: FrontHandler, patterns: () => ReadonlyArray<HostPattern> | undefined): FrontHandler =>
  (request, reply) => {
    const own = patterns()
    return own === undefined || isToOwnHost(request.head.headers, own)
      ? handler(request, reply)
      : refuse(request.body, reply, wrongHost)
  }

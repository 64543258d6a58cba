/**
 * The relay's own pages for visitors: which servers there are, and whether the
 * relay is up.
 */
import type { Reply } from "../transport/Handler.ts"
import type { FrontRequest } from "../transport/NodeFront.ts"
import type { RelaySettings } from "./RelaySettings.ts"
import type { Rendezvous } from "./Rendezvous.ts"
import type { Page } from "./Routes.ts"
import { respondText } from "./VisitorFront.ts"

/** What the pages show. */
export interface PagesContext {
  readonly settings: RelaySettings["Service"]
  readonly rendezvous: Rendezvous["Service"]
  readonly isDraining: () => boolean
}

/** Answers requests for the relay's own pages. */
export const make =
  (context: PagesContext) =>
  (page: Page, _request: FrontRequest, reply: Reply): void => {
    switch (page) {
      case "upCheck":
        return respondText(reply, 200, "Relay is up\n")
      case "healthz":
        return respondText(reply, 200, "ok\n")
      case "readyz":
        return context.isDraining()
          ? respondText(reply, 503, "draining\n")
          : respondText(reply, 200, "ready\n")
      default:
        return respondText(
          reply,
          200,
          context.settings
            .current()
            .servers.map((s) => `${s.name}\n`)
            .join(""),
        )
    }
  }

/**
 * WebDAV in path mode, where two things would cost visitors their files.
 *
 * A listing of an application that does not know its prefix is refused before
 * its head is sent; `Multistatus.ts` says why.
 *
 * A Destination below another server's prefix is on the same host, so that an
 * application would take it for a path of its own. See docs/path-mode.md.
 */
import { first } from "../../domain/HeaderList.ts"
import * as Multistatus from "../../protocol/address/Multistatus.ts"
import * as UriReference from "../../protocol/address/UriReference.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import type { PublicAddress } from "../../protocol/http/Forwarded.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import type { Reply } from "../../transport/body/Handler.ts"
import { checked } from "../../transport/body/ListingCheck.ts"
import { type Route, route } from "./Routes.ts"

/** The error for COPY and MOVE to a resource of another server (RFC 4918 9.8.5, 9.9.4). */
export const refusal = (
  { headers, method }: Pick<RequestHead, "headers" | "method">,
  visitor: PublicAddress,
  own: Pick<Extract<Route, { _tag: "Server" }>, "name" | "prefix">,
): ExchangeError | undefined => {
  if (method !== "COPY" && method !== "MOVE") return undefined
  const reference = UriReference.parse(first(headers, "destination") ?? "")
  if (reference === undefined || !UriReference.isOn(reference, visitor)) return undefined
  const outer = UriReference.startOf(reference.path, visitor.prefix.slice(0, -own.prefix.length))
  if (outer === undefined) return undefined
  const path = UriReference.withoutQuery(UriReference.rebase(reference.path, outer, ""))
  // With a slash at its end, also the address of a whole server leads to it.
  const to = route(`${UriReference.plain(path)}/`)
  return to._tag === "Server" && to.name !== own.name ? otherServer : undefined
}

const otherServer = new ExchangeError({
  code: "PTTH_OTHER_SERVER",
  detail: "the Destination field names another server",
})

/** The reply to a request below a prefix: a listing that leads elsewhere becomes an error. */
export const reply = (method: string, { prefix }: PublicAddress, reply: Reply): Reply =>
  checked(method, reply, (path) => Multistatus.hasPrefix(path, prefix))

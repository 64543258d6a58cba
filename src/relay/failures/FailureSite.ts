/**
 * What the page of a failure says of the server that the request was for. It
 * is looked up again from the request, so that requests that succeed pay
 * nothing for it.
 */
import type { Failure } from "../../domain/Failure.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import { type FailureContext, topOf, type Way } from "../../web/FailurePage.ts"
import * as Text from "../../web/Text.ts"
import type { DerivedConfig } from "../settings/DerivedConfig.ts"
import * as Subdomains from "../settings/Subdomains.ts"
import { signOutPath } from "../signin/SignIn.ts"
import { route } from "../visitors/Routes.ts"

/** Codes that visitors get who may not know more of a server than its name. */
const isBeforeAuth = (code: string): boolean =>
  code === "PTTH_AUTH_REQUIRED" ||
  code === "PTTH_NOT_ADMITTED" ||
  code === "PTTH_ACCOUNT_REFUSED" ||
  code.startsWith("PTTH_SIGN_IN_")

/** From an address to where visitors sign out. */
const signOutFrom = (target: string): Way => ({
  href: topOf(target) + signOutPath.slice(1),
  label: Text.failure.signOut,
})

/** A registered server, and the target that it gets. */
const serverOf = (
  { hosts, servers }: DerivedConfig,
  { headers, target }: RequestHead,
): { readonly name: ServerName; readonly target: string } | undefined => {
  const host = Subdomains.route(hosts, headers)
  if (host !== undefined) return host._tag === "Server" ? { name: host.name, target } : undefined
  const to = route(target)
  return to._tag === "Server" && servers.has(to.name) ? to : undefined
}

/** What the page says besides the failure. */
export const contextOf = (
  derived: DerivedConfig,
  lastSeen: (name: ServerName) => number | undefined,
  { code }: Failure,
  head: RequestHead,
): FailureContext => {
  const { method, target } = head
  if (code === "PTTH_ACCOUNT_REFUSED") return { method, target, way: signOutFrom(target) }
  const server = serverOf(derived, head)
  if (server === undefined || isBeforeAuth(code)) return { method, target }
  const { name } = server
  return {
    method,
    target,
    site: derived.servers.get(name)?.displayName ?? name,
    home: topOf(server.target),
    lastSeen: code === "PTTH_SERVER_OFFLINE" ? lastSeen(name) : undefined,
  }
}

/**
 * Who sent a request to the administrator's side. `AdminFront.ts` provides it
 * with each request that it passes to the pages and the API; nothing of it
 * comes from a field that the client could set, except for a Host that was
 * checked.
 */
import * as Context from "effect/Context"

/** How a request is authenticated. Browsers add the last two by themselves, whatever page caused the request. */
export type Identity =
  | { readonly _tag: "Anonymous" }
  | { readonly _tag: "Token" }
  /** A cookie of a session that a login link began; `session` is its secret. */
  | { readonly _tag: "Session"; readonly session: string }
  /** A user whom a trusted proxy names. */
  | { readonly _tag: "Proxy"; readonly user: string }

/** The identity as the audit log names it. */
export const nameOf = (identity: Identity): string => {
  switch (identity._tag) {
    case "Anonymous":
      return "nobody"
    case "Token":
      return "token"
    case "Session":
      return "login link"
    case "Proxy":
      return identity.user
  }
}

/** See the file's header. */
export class Caller extends Context.Service<
  Caller,
  {
    readonly identity: Identity
    /** The client's IP address, as a proxy of `admin_trusted_proxies` names it or as the socket has it. */
    readonly address: string
    /** The origin that the client asked, such as `http://127.0.0.1:4001`. */
    readonly origin: string
  }
>()("ptth/relay/admin/Caller") {}

/**
 * The events on the relay that matter to its administrator.
 */
import type { ServerName } from "../../domain/ServerName.ts"
import type { Tripcode } from "../../domain/Tripcode.ts"

/** One variant per kind of event; `name` is the server's. */
export type AuditEvent =
  | { readonly _tag: "RelayStarted"; readonly address: string }
  | { readonly _tag: "RelayStopping" }
  | {
      readonly _tag: "ServerConnected"
      readonly name: ServerName
      readonly transport: string
      /** Why no better transport is used; empty if the server gives no reason. */
      readonly reason: string
      readonly address: string
      /** How many processes of the server are connected now, if that is more than one: they share its visitors. */
      readonly processes?: number
    }
  | { readonly _tag: "ServerDisconnected"; readonly name: ServerName; readonly reason: string }
  /** A process of the server is gone; another one is connected. */
  | { readonly _tag: "ServerReplaced"; readonly name: ServerName; readonly reason: string }
  | {
      readonly _tag: "ServerRefused"
      readonly name: string
      readonly reason: "unknown name" | "wrong key"
      readonly tripcode: Tripcode
      readonly address: string
    }
  /** An address sent too many new names and keys; further ones are not recorded until the minute is over. */
  | { readonly _tag: "RefusalsLimited"; readonly address: string }
  /** A server tried to open more links than it may have. */
  | { readonly _tag: "LinksLimited"; readonly name: ServerName; readonly address: string }
  /** The requests for one server within a minute; the access log has each of them. */
  | {
      readonly _tag: "VisitorRequests"
      readonly name: string
      readonly requests: number
      /** Those with status 5xx, or whose visitor left before a response. */
      readonly failed: number
      readonly bytesIn: number
      readonly bytesOut: number
    }
  | { readonly _tag: "ScraperKeyUsed"; readonly key: string; readonly address: string }
  | {
      readonly _tag: "ScraperKeyRefused"
      readonly reason: string
      readonly address: string
    }
  /** A visitor has signed in by OpenID Connect. */
  | { readonly _tag: "VisitorSignedIn"; readonly by: string; readonly address: string }
  | { readonly _tag: "SignInRefused"; readonly reason: string; readonly address: string }
  | { readonly _tag: "ConfigReloaded"; readonly servers: number }
  | { readonly _tag: "ConfigRefused"; readonly problem: string }
  | { readonly _tag: "AdminLoggedIn"; readonly by: string; readonly address: string }
  | { readonly _tag: "AdminRefused"; readonly reason: string; readonly address: string }
  /** A ticket was made, by which a server of this name registers itself. */
  | {
      readonly _tag: "ServerInvited"
      readonly name: ServerName
      /** Until when the ticket is good, as an ISO 8601 time. */
      readonly expires: string
      readonly by: string
    }
  | { readonly _tag: "CertificateIssued"; readonly hosts: string }
  | {
      readonly _tag: "CertificateFailed"
      readonly hosts: string
      readonly code: string
      readonly reason: string
    }
  /** More events of a kind came within a minute than are recorded one by one; see `AuditThrottle.ts`. */
  | { readonly _tag: "EventsOmitted"; readonly of: string; readonly events: number }
  | {
      readonly _tag: "ServerApproved" | "ServerIgnored"
      readonly name: ServerName
      readonly tripcode: Tripcode
      /** Who did it. */
      readonly by: string
    }
  /** An administrator has changed the registration of a server. */
  | {
      readonly _tag: "ServerChanged"
      readonly name: ServerName
      /** What was changed, in words. */
      readonly change: string
      readonly by: string
    }
  /** An administrator has sent a recorded request again. */
  | {
      readonly _tag: "RequestReplayed"
      readonly name: ServerName
      /** The number of the recording. */
      readonly request: number
      readonly edited: "yes" | "no"
      readonly by: string
    }
  /** An administrator has its requests recorded for some seconds; 0: no longer. */
  | {
      readonly _tag: "InspectionChanged"
      readonly name: ServerName
      readonly seconds: number
      readonly by: string
    }
  | { readonly _tag: "ServerCutOff"; readonly name: ServerName; readonly by: string }

/** Each kind of event in words. */
export const sentences: Record<AuditEvent["_tag"], string> = {
  RelayStarted: "relay started",
  RelayStopping: "relay is shutting down",
  ServerConnected: "server connected",
  ServerDisconnected: "server disconnected",
  ServerReplaced: "server process gone, another one is there",
  ServerRefused: "server refused",
  RefusalsLimited: "too many unknown servers from one address",
  LinksLimited: "a server has no room for more links",
  VisitorRequests: "visitors' requests within a minute",
  ScraperKeyUsed: "scraper key used",
  ScraperKeyRefused: "scraper key refused",
  VisitorSignedIn: "visitor signed in",
  SignInRefused: "visitor's sign-in refused",
  ConfigReloaded: "configuration in force",
  ConfigRefused: "configuration refused",
  AdminLoggedIn: "administrator logged in",
  AdminRefused: "administrator refused",
  ServerApproved: "server approved",
  ServerIgnored: "server ignored",
  ServerChanged: "server changed",
  ServerCutOff: "server disconnected by an administrator",
  RequestReplayed: "request sent again",
  InspectionChanged: "inspection of requests changed",
  ServerInvited: "server invited",
  CertificateIssued: "new certificate",
  CertificateFailed: "no new certificate",
  EventsOmitted: "more events of this kind than are recorded one by one",
}

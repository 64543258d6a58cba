/**
 * The events by which a view shows an owner what the server does.
 */
import type { UplinkState } from "../../server/uplink/UplinkState.ts"
import type { Handler } from "../../transport/body/Handler.ts"

/** How much is shown. */
export interface OwnerViewOptions {
  /** Whether neither requests nor the state are shown. */
  readonly quiet: boolean
  /** Whether each request becomes one line on standard output. */
  readonly logRequests: boolean
  /** The format of these lines. */
  readonly logFormat: "text" | "json"
}

/** Receives what happens to one name. */
export interface ServiceView {
  /** The same handler, whose requests are shown. */
  readonly watch: (handler: Handler) => Handler
  /** The address for visitors is this. */
  readonly setAddress: (url: string) => void
  /** How the name is connected is to be read from here. */
  readonly setLink: (read: () => UplinkState) => void
  /** The application behind the name has this problem, or none. */
  readonly setOrigin: (problem: string | undefined) => void
  /** The name is served no more. */
  readonly remove: () => void
}

/** Receives what happens. */
export interface OwnerView {
  /** Whether the state is shown, so that the log need not repeat it. */
  readonly isLive: boolean
  /**
   * A name that is served. It is shown once its address or connection is set, in
   * the place of an earlier one of the same name.
   *
   * @param name empty for a server that has none
   */
  readonly serve: (name: string) => ServiceView
}

const silentService: ServiceView = {
  watch: (handler) => handler,
  setAddress: () => {},
  setLink: () => {},
  setOrigin: () => {},
  remove: () => {},
}

/** Shows nothing, and costs requests nothing. */
export const silent: OwnerView = { isLive: false, serve: () => silentService }

/** Shows requests only. */
export const requestsOnly = (watch: (handler: Handler, name: string) => Handler): OwnerView => ({
  isLive: false,
  serve: (name) => ({ ...silentService, watch: (handler) => watch(handler, name) }),
})

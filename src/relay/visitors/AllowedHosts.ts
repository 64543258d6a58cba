/**
 * The hosts that a relay answers visitors at, where it answers only at its
 * own: `ptth dev` on loopback. A public relay answers at any.
 */
import * as Context from "effect/Context"
import type { HostPattern } from "../../domain/OwnHost.ts"

/** The hosts besides IP addresses and localhost; `undefined`: every host. */
export const AllowedHosts: Context.Reference<ReadonlyArray<HostPattern> | undefined> =
  Context.Reference<ReadonlyArray<HostPattern> | undefined>("ptth/relay/AllowedHosts", {
    defaultValue: () => undefined,
  })

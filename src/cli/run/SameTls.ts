/**
 * Refuses a configuration that switches TLS on or off while a relay with several
 * workers runs: these share one listening socket, and a worker that starts later
 * must speak as the others do.
 */
import * as Effect from "effect/Effect"
import { single } from "../../domain/config/ConfigError.ts"
import { speaksTls } from "../../domain/config/RelayConfig.ts"
import type { ConfigCheck } from "./RunRelay.ts"

/** See the file's header; `secure` is whether the workers speak TLS. */
export const sameTls =
  (secure: boolean): ConfigCheck =>
  (config, where) =>
    speaksTls(config) === secure
      ? Effect.void
      : single({
          code: "PTTH_CONFIG_INVALID",
          where,
          detail: `TLS is switched ${secure ? "off" : "on"}, which workers cannot do while the relay runs`,
          remedy: "Restart the relay, or undo that change to have the others take effect.",
        })

/** The same for a relay whose first configuration decides. */
export const sameTlsAsFirst = (isApplied: (workers: number | "auto") => boolean): ConfigCheck => {
  let check: ConfigCheck | undefined
  return (config, where) => {
    check ??= isApplied(config.workers) ? sameTls(speaksTls(config)) : () => Effect.void
    return check(config, where)
  }
}

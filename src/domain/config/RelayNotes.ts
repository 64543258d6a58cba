/**
 * Settings of a relay's configuration that are valid and have no effect, for
 * `ptth check` and the log.
 */
import type { RelayConfig } from "./RelayConfig.ts"

/** Each of them, and why it has no effect, as the end of a sentence. */
export const unusedSettings = ({
  accessLog,
  accessLogFile,
  servers,
}: RelayConfig): ReadonlyArray<string> => [
  ...(accessLogFile !== undefined && accessLog === "off"
    ? ["access_log_file does nothing without `access_log`"]
    : []),
  ...servers.flatMap(({ limits, name, tls }) =>
    tls === "passthrough" && limits.maxBody !== undefined
      ? [`max_body of ${name} does nothing, since the relay passes its visitors' TLS on unread`]
      : [],
  ),
]

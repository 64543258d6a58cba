/**
 * Until when certificates by ACME are valid, and which could not be obtained, as
 * metrics.
 */
import type { CertificateStatus } from "../../transport/acme/CertificateKeeper.ts"
import type { Metric } from "../../transport/observe/Metric.ts"

/** The metrics; none without certificates. */
export const read = (statuses: ReadonlyArray<CertificateStatus>): ReadonlyArray<Metric> => {
  if (statuses.length === 0) return []
  return [
    {
      type: "gauge",
      name: "ptth_relay_certificate_expiry_timestamp_seconds",
      help: "Until when the certificate of a host is valid, in seconds since 1970; 0 if there is none.",
      samples: statuses.map(({ names, validity }) => ({
        labels: { host: names.at(-1) ?? "" },
        value: (validity?.until ?? 0) / 1000,
      })),
    },
    {
      type: "gauge",
      name: "ptth_relay_certificate_failed_attempts",
      help: "How many attempts to obtain a certificate have failed since the last one that succeeded.",
      samples: statuses.map(({ failure, names }) => ({
        labels: { host: names.at(-1) ?? "" },
        value: failure?.attempts ?? 0,
      })),
    },
  ]
}

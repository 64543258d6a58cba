/**
 * Reads and checks the certificate and key that a relay's configuration names,
 * at start, at each reload, and for `ptth check`; and the certificates that a
 * server trusts.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { type ConfigError, single } from "../../domain/config/ConfigError.ts"
import type { CertificateFiles, NamedFile } from "../../domain/config/RelayConfig.ts"
import * as Certificate from "../../transport/net/Certificate.ts"
import { readText, unreadable } from "./NamedFile.ts"

const invalid = ({ path, where }: NamedFile, detail: string): ConfigError =>
  single({
    code: "PTTH_CONFIG_INVALID",
    where,
    detail: `${path} ${detail}`,
    remedy: "Use one PEM file with the certificate and its chain, and one with its key.",
  })

const read = (file: NamedFile): Effect.Effect<string, ConfigError, FileSystem.FileSystem> =>
  readText(file.path, (detail) => invalid(file, detail))

/** Reads the certificate in these files. */
export const loadCertificate = Effect.fn("LoadCertificate")(function* (
  files: CertificateFiles,
): Effect.fn.Return<Certificate.Certificate, ConfigError, FileSystem.FileSystem> {
  const certificate = Certificate.make(yield* read(files.certificate), yield* read(files.key))
  const fault = Certificate.faultOf(certificate)
  return fault === undefined ? certificate : yield* invalid(files[fault.part], fault.detail)
})

const untimelyRemedy = "Renew the certificate, or correct the clock."

/** Logs that a relay uses a certificate that is not valid now, which servers and browsers refuse. */
export const warnUntimely = Effect.fn("LoadCertificate.warnUntimely")(function* (
  certificate: Certificate.Certificate,
) {
  const fault = Certificate.untimelyIn(certificate, yield* Clock.currentTimeMillis)
  if (fault !== undefined)
    yield* Effect.logWarning(
      `PTTH_CONFIG_INVALID: ${fault}. Servers and browsers refuse it. ${untimelyRemedy}`,
    )
})

/** Fails if a certificate that can be used is not valid at this time. */
export const refuseUntimely = Effect.fn("LoadCertificate.refuseUntimely")(function* (
  certificate: Certificate.Certificate,
  file: NamedFile,
): Effect.fn.Return<void, ConfigError> {
  const now = yield* Clock.currentTimeMillis
  const fault = Certificate.untimelyIn(certificate, now)
  if (fault === undefined) return
  yield* single({
    code: "PTTH_CONFIG_INVALID",
    where: file.where,
    detail: `${file.path}: ${fault}`,
    remedy: untimelyRemedy,
  })
})

/**
 * Reads a PEM file of certificates to trust.
 *
 * @param where the place that names it
 * @param key the key there, if the place does not say it
 */
export const loadTrusted = Effect.fn("LoadCertificate.loadTrusted")(function* (
  path: string,
  where: string,
  key?: string,
): Effect.fn.Return<string, ConfigError, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const subject = key === undefined ? path : `\`${key}\`: ${path}`
  const untrusted = (detail: string, remedy: string): ConfigError =>
    single({ code: "PTTH_CONFIG_INVALID", where, detail: `${subject} ${detail}`, remedy })
  const pem = yield* Effect.mapError(fs.readFileString(path), ({ reason }) =>
    untrusted(unreadable(reason._tag), "Use a PEM file of certificates that can be read."),
  )
  const fault = Certificate.faultOfTrusted(pem)
  if (fault === undefined) return pem
  return yield* untrusted(
    fault,
    "Use a PEM file of certificates, such as the relay's own or its CA's.",
  )
})

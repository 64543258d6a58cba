/**
 * Reads and checks the certificate and key that a relay's configuration names:
 * at start, at each reload, and for `ptth check`.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { type ConfigError, single } from "../../domain/config/ConfigError.ts"
import type { CertificateFiles, NamedFile } from "../../domain/config/RelayConfig.ts"
import * as Certificate from "../../transport/net/Certificate.ts"

const invalid = ({ path, where }: NamedFile, detail: string): ConfigError =>
  single({
    code: "PTTH_CONFIG_INVALID",
    where,
    detail: `${path} ${detail}`,
    remedy: "Use one PEM file with the certificate and its chain, and one with its key.",
  })

const read = (file: NamedFile): Effect.Effect<string, ConfigError, FileSystem.FileSystem> =>
  FileSystem.FileSystem.use((fs) =>
    Effect.mapError(fs.readFileString(file.path), (error) =>
      invalid(
        file,
        error.reason._tag === "NotFound"
          ? "does not exist"
          : `cannot be read (${error.reason._tag})`,
      ),
    ),
  )

/** Reads the certificate in these files. */
export const loadCertificate = Effect.fn("LoadCertificate")(function* (
  files: CertificateFiles,
): Effect.fn.Return<Certificate.Certificate, ConfigError, FileSystem.FileSystem> {
  const certificate = Certificate.make(yield* read(files.certificate), yield* read(files.key))
  const fault = Certificate.faultOf(certificate)
  return fault === undefined ? certificate : yield* invalid(files[fault.part], fault.detail)
})

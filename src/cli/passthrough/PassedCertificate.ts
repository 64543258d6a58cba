/**
 * The certificate of a server whose visitors' TLS ends there: read at the start,
 * and again when its files change, on SIGHUP and every minute.
 */
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type * as Scope from "effect/Scope"
import type { ConfigError } from "../../domain/config/ConfigError.ts"
import type { CertificateFiles } from "../../domain/config/RelayConfig.ts"
import type { ServerSettings } from "../../domain/config/ServerConfig.ts"
import * as ReloadTriggers from "../../relay/settings/ReloadTriggers.ts"
import type { Certificate } from "../../transport/net/Certificate.ts"
import { loadCertificate, warnUntimely } from "../shared/LoadCertificate.ts"

/** The files that a server's configuration names; `undefined` if it names none. */
export const filesOf = (
  { tlsCert, tlsKey }: Pick<ServerSettings, "tlsCert" | "tlsKey">,
  where: string,
): CertificateFiles | undefined =>
  tlsCert === undefined || tlsKey === undefined
    ? undefined
    : { certificate: { path: tlsCert, where }, key: { path: tlsKey, where } }

/** Reads the certificate and follows its files; the result is the one in force. A broken one does not replace it. */
export const follow = Effect.fn("PassedCertificate.follow")(function* (
  files: CertificateFiles,
): Effect.fn.Return<() => Certificate, ConfigError, FileSystem.FileSystem | Scope.Scope> {
  let current = yield* loadCertificate(files)
  yield* warnUntimely(current)
  let problem = ""
  const reload = loadCertificate(files).pipe(
    Effect.matchEffect({
      onFailure: ({ message }) => {
        if (message === problem) return Effect.void
        problem = message
        return Effect.logError(`the certificate is not reloaded, the old one stays\n${message}`)
      },
      onSuccess: (loaded) => {
        problem = ""
        if (loaded.chain === current.chain) return Effect.void
        current = loaded
        return Effect.andThen(Effect.logInfo("certificate reloaded"), warnUntimely(loaded))
      },
    }),
  )
  const paths = [files.certificate.path, files.key.path]
  yield* ReloadTriggers.follow(reload, () => paths)
  return () => current
})

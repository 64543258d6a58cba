/**
 * What a server needs to end TLS of its visitors: a certificate from files, or
 * certificates by ACME.
 */
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type * as Scope from "effect/Scope"
import type { ConfigError } from "../../domain/config/ConfigError.ts"
import type { ServerSettings } from "../../domain/config/ServerConfig.ts"
import { entry } from "../../domain/ErrorRegistry.ts"
import * as Certificate from "../../transport/net/Certificate.ts"
import * as TlsHandshake from "../../transport/net/TlsHandshake.ts"
import { loadAcme } from "../load/LoadAcme.ts"
import * as PassedCertificate from "./PassedCertificate.ts"

/** The certificates, and what is to be done when the relay has announced the address for visitors. */
export interface PassedTls {
  readonly hosts: TlsHandshake.TlsHosts
  readonly onConnected: (url: string) => Effect.Effect<void>
}

/** Logs that browsers refuse the certificate at the address of the server, once for each host. */
const warnOfHost = (certificate: () => Certificate.Certificate, path: string) =>
  Effect.sync(() => {
    const warned = new Set<string>()
    return (address: string): Effect.Effect<void> => {
      const url = URL.parse(address)
      // Below a path the relay ends TLS.
      if (url === null || url.pathname !== "/" || warned.has(url.hostname)) return Effect.void
      if (Certificate.isFor(certificate(), url.hostname)) return Effect.void
      warned.add(url.hostname)
      return Effect.logWarning(
        `PTTH_NO_CERTIFICATE: the certificate in ${path} is not for ${url.hostname}, so that browsers refuse it. ${entry("PTTH_NO_CERTIFICATE").remedy}`,
      )
    }
  })

/**
 * Reads or obtains certificates while the Scope is open; `undefined` if TLS does
 * not end at the server.
 *
 * @param where the configuration, as errors name it
 */
export const make = Effect.fn("PassedTls.make")(function* (
  config: ServerSettings,
  where: string,
): Effect.fn.Return<PassedTls | undefined, ConfigError, FileSystem.FileSystem | Scope.Scope> {
  const files = PassedCertificate.filesOf(config, where)
  if (files !== undefined) {
    const certificate = yield* PassedCertificate.follow(files)
    const warn = yield* warnOfHost(certificate, files.certificate.path)
    return { hosts: TlsHandshake.always(certificate), onConnected: warn }
  }
  const options = yield* loadAcme(config, () => where)
  if (options === undefined) return undefined
  const Obtained = yield* Effect.promise(
    () => import("../../server/passthrough/ObtainedCertificates.ts"),
  )
  const obtained = yield* Obtained.make(options)
  return { hosts: obtained, onConnected: obtained.want }
})

/**
 * Reads what a configuration names for certificates by ACME: trusted
 * certificates, keys, and the folder of its state.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { type ConfigError, single } from "../../domain/config/ConfigError.ts"
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import type { KeptOptions } from "../../relay/certificates/KeptCertificates.ts"
import * as DnsHook from "../../transport/acme/DnsHook.ts"
import * as DnsUpdate from "../../transport/acme/DnsUpdate.ts"
import { loadTrusted } from "../shared/LoadCertificate.ts"
import { loadClusterKeys } from "../shared/LoadCluster.ts"
import { readText, refuseReadable, unreadable } from "../shared/NamedFile.ts"
import * as UserPaths from "../shared/UserPaths.ts"

/** What of a relay's configuration is about ACME; a server has some of it. */
export type AcmeSettings = Pick<
  RelayConfig,
  "acme" | "acmeCa" | "acmeDirectory" | "acmeEabKeyFile" | "acmeEabKeyId" | "stateDir"
> &
  Partial<Pick<RelayConfig, "acmeDnsHook" | "acmeDnsKeyFile" | "acmeDnsServer" | "cluster">>

/** The place in which a configuration names a key, as errors say it. */
export type WhereOf = (key: string) => string

/** The folder for what is kept over restarts: `state_dir`, systemd's, or the usual one of the user. */
const stateFolder = ({ stateDir }: Pick<RelayConfig, "stateDir">): string => {
  if (stateDir !== undefined) return stateDir
  const ofUnit = process.env.STATE_DIRECTORY?.split(":")[0]
  if (ofUnit !== undefined && ofUnit !== "") return ofUnit
  return process.getuid?.() === 0 ? "/var/lib/ptth" : UserPaths.stateFolder(process.env)
}

/** A key, the file that it names, and the place of that in the configuration. */
interface Named {
  readonly key: string
  readonly path: string
  readonly where: string
}

const readSecret = Effect.fnUntraced(function* (file: Named, remedy: string) {
  const text = yield* readText(file.path, (detail) => invalid(file, detail, remedy))
  yield* refuseReadable(file.path, file.where)
  return text
})

const invalid = ({ key, path, where }: Named, detail: string, remedy: string): ConfigError =>
  single({
    code: "PTTH_CONFIG_INVALID",
    where,
    detail: `\`${key}\`: ${path} ${detail}`,
    remedy,
  })

const externalRemedy = "Write the key that the authority gave you into a file of its own."
const hookRemedy = "Give the path of a program, without arguments, and make it executable."
const updateRemedy = "Use a file that `tsig-keygen` wrote."

const externalOf = Effect.fnUntraced(function* (
  { acmeEabKeyFile, acmeEabKeyId }: AcmeSettings,
  whereOf: WhereOf,
) {
  if (acmeEabKeyFile === undefined || acmeEabKeyId === undefined) return undefined
  const key = "acme_eab_key_file"
  const file = { key, path: acmeEabKeyFile, where: whereOf(key) }
  const text = (yield* readSecret(file, externalRemedy)).trim()
  if (!/^[A-Za-z0-9_+/-]{16,}=*$/.test(text))
    return yield* invalid(file, "is not one line of base64url", externalRemedy)
  return { id: acmeEabKeyId, secret: Buffer.from(text, "base64") }
})

/** Fails unless a program can be run. One without a slash is looked for in PATH when it is run. */
const refuseNoProgram = Effect.fnUntraced(function* (program: Named) {
  const { path } = program
  if (!path.includes("/") || process.platform === "win32") return
  const fs = yield* FileSystem.FileSystem
  const { mode, type } = yield* Effect.mapError(fs.stat(path), ({ reason }) =>
    invalid(program, unreadable(reason._tag), hookRemedy),
  )
  if (type !== "File" || (mode & 0o111) === 0)
    yield* invalid(program, "is not a program that can be run", hookRemedy)
})

const dnsOf = Effect.fnUntraced(function* (
  { acmeDnsHook, acmeDnsKeyFile, acmeDnsServer }: AcmeSettings,
  whereOf: WhereOf,
) {
  if (acmeDnsHook !== undefined) {
    const key = "acme_dns_hook"
    yield* refuseNoProgram({ key, path: acmeDnsHook, where: whereOf(key) })
    return {
      add: (record: DnsHook.TxtRecord) => DnsHook.run(acmeDnsHook, "add", record),
      remove: (record: DnsHook.TxtRecord) => DnsHook.run(acmeDnsHook, "remove", record),
    }
  }
  if (acmeDnsServer === undefined || acmeDnsKeyFile === undefined) return undefined
  const key = "acme_dns_key_file"
  const file = { key, path: acmeDnsKeyFile, where: whereOf(key) }
  const text = yield* readSecret(file, updateRemedy)
  const updateKey = yield* Effect.fromResult(
    Result.mapError(DnsUpdate.parseKey(text), (detail) => invalid(file, detail, updateRemedy)),
  )
  return DnsUpdate.make(acmeDnsServer, updateKey)
})

/** What certificates by ACME need; `undefined` without `acme`. */
export const loadAcme = Effect.fn("LoadAcme.loadAcme")(function* (
  config: AcmeSettings,
  whereOf: WhereOf,
): Effect.fn.Return<KeptOptions | undefined, ConfigError, FileSystem.FileSystem> {
  const { acme, acmeCa, acmeDirectory, cluster } = config
  if (acme === undefined) return undefined
  const keyFile = cluster?.keyFile
  const keys =
    keyFile === undefined ? undefined : yield* loadClusterKeys(keyFile, whereOf("cluster"))
  return {
    directory: acmeDirectory,
    ca:
      acmeCa === undefined ? undefined : yield* loadTrusted(acmeCa, whereOf("acme_ca"), "acme_ca"),
    contact: acme,
    external: yield* externalOf(config, whereOf),
    stateFolder: stateFolder(config),
    clusterSecrets: (keys ?? []).map((key) => Redacted.value(key)),
    dns: yield* dnsOf(config, whereOf),
  }
})

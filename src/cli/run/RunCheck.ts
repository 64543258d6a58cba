/**
 * `ptth check`: checks a configuration as the relay or the server does.
 */
import * as NodePath from "node:path"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as ApiKey from "../../domain/ApiKey.ts"
import type { ConfigErrorCode, ConfigProblem } from "../../domain/config/ConfigError.ts"
import { ConfigError, describe, single, usage } from "../../domain/config/ConfigError.ts"
import * as RelayConfig from "../../domain/config/RelayConfig.ts"
import { unusedSettings } from "../../domain/config/RelayNotes.ts"
import * as ServerConfig from "../../domain/config/ServerConfig.ts"
import { type Document, type Path, parse } from "../../domain/config/Toml.ts"
import { isConfidential } from "../../domain/ListenAddress.ts"
import * as ServerHost from "../../domain/ServerHost.ts"
import * as Subdomains from "../../relay/settings/Subdomains.ts"
import * as AcmeStore from "../../transport/acme/AcmeStore.ts"
import * as KeptCertificate from "../../transport/acme/KeptCertificate.ts"
import * as KeyStrength from "../../transport/auth/KeyStrength.ts"
import * as Certificate from "../../transport/net/Certificate.ts"
import { loadAccess } from "../access/LoadAccess.ts"
import { loadAcme } from "../load/LoadAcme.ts"
import * as PassedCertificate from "../passthrough/PassedCertificate.ts"
import { checkShared } from "../serve/Folder.ts"
import { loadCertificate, loadTrusted, refuseUntimely } from "../shared/LoadCertificate.ts"
import { checkCluster, holdsPassword } from "../shared/LoadCluster.ts"
import {
  readNamed,
  readParts,
  refuseExposed,
  serversFolder,
  withFiles,
} from "../shared/LoadConfig.ts"
import { checkProvider, loadClientSecret } from "../shared/LoadOidc.ts"
import { accessNote, refuseReadable } from "../shared/NamedFile.ts"

/** The kind of a configuration. */
export type Kind = "relay" | "server"

/** The values of arguments and flags. */
export interface CheckFlags {
  readonly file: string
  readonly kind: Option.Option<Kind>
}

/** All problems of a file, with frames. */
export class CheckError extends Data.TaggedError("CheckError")<{
  readonly code: ConfigErrorCode
  readonly message: string
}> {}

/** The place of a part of a file as errors name it: with its line, if it has one. */
const placesIn =
  (file: string, document: Document | undefined) =>
  (path: Path): string => {
    const line = document?.position(path)?.line
    return line === undefined ? file : `${file}:${line}`
  }

const withFrame = (problem: ConfigProblem): string =>
  problem.frame === undefined ? describe(problem) : `${describe(problem)}\n${problem.frame}`

/** The kind of which a document has more keys; if that is undecided, by the name of the file. */
export const detect = (document: Document | undefined, file: string): Kind | undefined => {
  const present = Object.keys(document?.table ?? {})
  const count = (keys: ReadonlyArray<string>): number =>
    present.filter((key) => keys.includes(key)).length
  const lead = count(RelayConfig.keys) - count(ServerConfig.keys)
  if (lead !== 0) return lead > 0 ? "relay" : "server"
  const base = NodePath.basename(file)
  return base.includes("relay") ? "relay" : base.includes("server") ? "server" : undefined
}

/** A note about required keys that are missing, which may come from flags or the environment. */
const missing = (settings: ServerConfig.ServerSettings): string => {
  const services = ServerConfig.servicesOf(settings)
  const keys = [
    services.some(({ name }) => name === undefined) ? "name" : undefined,
    services.some(({ apiKey }) => apiKey === undefined) ? "api_key" : undefined,
    settings.relayUrl === undefined ? "relay_url" : undefined,
  ].filter((key) => key !== undefined)
  return keys.length === 0 ? "" : `; ${keys.join(", ")} must come from flags or the environment`
}

/** A note about a relay to which the key would be sent unencrypted; the flag is not part of a file. */
const insecure = ({ relayUrl }: ServerConfig.ServerSettings): string =>
  relayUrl !== undefined && !isConfidential(relayUrl)
    ? "; `ptth server` needs --insecure for it, since plain http would send the key unencrypted"
    : ""

/** A note about a folder that is not served. */
const unused = (document: Document | undefined): string => {
  const { file_server_root: folder, to } = document?.table ?? {}
  return to === undefined || folder === undefined
    ? ""
    : "; file_server_root is not used, since `to` is served instead"
}

/** The key of a configuration in which something else is wrong. */
const writtenKey = (document: Document | undefined): ApiKey.ApiKey | undefined => {
  const text = document?.table.api_key
  if (typeof text !== "string") return undefined
  return Option.getOrUndefined(Result.getSuccess(ApiKey.parse(text)))
}

/** A note about keys that do nothing without `acme`, which may come from a flag or the environment. */
const withoutAcme = (document: Document | undefined): string => {
  const table = document?.table ?? {}
  const keys = Object.keys(table).filter((key) => key.startsWith("acme_"))
  return keys.length === 0 || table.acme !== undefined
    ? ""
    : `; ${keys.join(", ")} ${keys.length === 1 ? "does" : "do"} nothing without \`acme\``
}

const checkCertificate = Effect.fnUntraced(function* (files: RelayConfig.CertificateFiles) {
  yield* refuseUntimely(yield* loadCertificate(files), files.certificate)
})

/** A check of something outside of the file. */
type FileCheck = Effect.Effect<void, ConfigError, FileSystem.FileSystem>

const checkTrusted = (
  key: string,
  path: string | undefined,
  place: string,
): ReadonlyArray<FileCheck> =>
  path === undefined ? [] : [Effect.asVoid(loadTrusted(path, place, key))]

/** What a configuration or one of its services serves, as far as it names files. */
type NamingContent = Pick<
  ServerConfig.ServerSettings,
  "routes" | "tlsCert" | "tlsKey" | "to" | "toCa" | "usersFile"
> & { readonly fileServerRoot: string | undefined }

/** Fails if the folder that is served is not there; relative, it counts from the working directory. */
const checkFolder = (path: string, where: string): FileCheck =>
  checkShared(path).pipe(
    Effect.mapError(({ problems: [{ code, detail, where: absolute }] }) =>
      single({ code, where, detail: `\`file_server_root\`: ${absolute}: ${detail}` }),
    ),
    Effect.asVoid,
  )

const filesOfContent = (
  content: NamingContent,
  where: (path: Path) => string,
): ReadonlyArray<FileCheck> => {
  const { fileServerRoot, routes = [], to, toCa, usersFile } = content
  const tls = PassedCertificate.filesOf(content, where(["tls_cert"]))
  const access = { usersFile, users: undefined, tokens: undefined, visitors: undefined }
  return [
    ...(to !== undefined || fileServerRoot === undefined
      ? []
      : [checkFolder(fileServerRoot, where(["file_server_root"]))]),
    ...(tls === undefined ? [] : [checkCertificate(tls)]),
    ...checkTrusted("to_ca", toCa, where(["to_ca"])),
    ...routes.flatMap((route, i) =>
      checkTrusted("to_ca", route.toCa, where(["routes", i, "to_ca"])),
    ),
    ...(usersFile === undefined ? [] : [Effect.asVoid(loadAccess(access))]),
  ]
}

/** The files that a server's configuration names, its services included. */
const filesNamed = (
  settings: ServerConfig.ServerSettings,
  where: (path: Path) => string,
): ReadonlyArray<FileCheck> => [
  ...checkTrusted("ca", settings.ca, where(["ca"])),
  Effect.asVoid(loadAcme(settings, (key) => where([key]))),
  ...filesOfContent(settings, where),
  ...(settings.services ?? []).flatMap((service, i) =>
    filesOfContent(service, (path) => where(["services", i, ...path])),
  ),
]

/** The keys of a configuration, each once: its own and those of its services. */
const keysOf = (
  settings: ServerConfig.ServerSettings | undefined,
  document: Document | undefined,
): ReadonlyArray<ApiKey.ApiKey> => {
  const keys =
    settings === undefined
      ? [writtenKey(document)]
      : [settings, ...(settings.services ?? [])].map(({ apiKey }) => apiKey)
  const byText = new Map(
    keys.flatMap((key) => (key === undefined ? [] : [[Redacted.value(key), key] as const])),
  )
  return [...byText.values()]
}

/** What could be decoded, and all problems of the rest; without a value nothing is left that could be used. */
type Checked<A> =
  | { readonly problems: ReadonlyArray<ConfigProblem>; readonly value: A }
  | { readonly problems: ConfigError["problems"]; readonly value: undefined }

/** Whether a problem may come from a key that was passed over: it names that key, or what it was meant to be. */
const isAbout = (problem: ConfigProblem, faults: ReadonlyArray<ConfigProblem>): boolean =>
  faults.some(({ key, remedy }) => {
    const [guess] = /(?<=^Did you mean )`[^`]+`/.exec(remedy ?? "") ?? []
    return [`\`${key}\``, guess].some((name) => name !== undefined && problem.detail.includes(name))
  })

/** Decodes a configuration; if a key cannot be decoded, the others are looked at without it. */
const decodeAll = <A>(
  decode: (faults: ReadonlyArray<ConfigProblem>) => Result.Result<A, ConfigError>,
): Checked<A> => {
  const whole = decode([])
  if (Result.isSuccess(whole)) return { problems: [], value: whole.success }
  const faults = whole.failure.problems
  if (faults.every(({ key }) => key === undefined)) return { problems: faults, value: undefined }
  const rest = decode(faults)
  if (Result.isSuccess(rest)) return { problems: faults, value: rest.success }
  const more = rest.failure.problems.filter((problem) => !isAbout(problem, faults))
  return { problems: [...faults, ...more], value: undefined }
}

const keysIn = (faults: ReadonlyArray<ConfigProblem>): ReadonlySet<string> =>
  new Set(faults.flatMap(({ key }) => key ?? []))

/** Collects the problems of checks, each of which may fail. */
class Problems {
  private readonly list: Array<ConfigProblem> = []

  add(problems: ReadonlyArray<ConfigProblem>): void {
    this.list.push(...problems)
  }

  /** The result of a check; `undefined` if it fails. */
  of<A, E, R>(check: Effect.Effect<A, E | ConfigError, R>) {
    return Effect.catchIf(
      check,
      (error): error is ConfigError => error instanceof ConfigError,
      ({ problems }) =>
        Effect.sync((): undefined => {
          this.add(problems)
          return undefined
        }),
    )
  }

  /** Fails with all of them, if there are any. */
  readonly refuse: Effect.Effect<void, ConfigError> = Effect.suspend(() => {
    const [first, ...rest] = this.list
    return first === undefined
      ? Effect.void
      : Effect.fail(new ConfigError({ problems: [first, ...rest] }))
  })
}

const checkServer = Effect.fnUntraced(function* (
  file: string,
  text: string,
  document: Document | undefined,
) {
  const where = placesIn(file, document)
  const { problems: faults, value: settings } = decodeAll((faults) =>
    ServerConfig.decodeSettings(text, { file, without: keysIn(faults) }),
  )
  const problems = new Problems()
  yield* problems.of(refuseExposed(file, text))
  problems.add(faults)
  for (const key of keysOf(settings, document)) yield* problems.of(KeyStrength.check(key, file))
  for (const check of settings === undefined ? [] : filesNamed(settings, where))
    yield* problems.of(check)
  yield* problems.refuse
  if (settings === undefined) return yield* Effect.die("nothing is wrong, and nothing is left")
  const note = ServerConfig.holdsSecret(text) ? accessNote(file) : undefined
  return `OK: ${file} is a server's configuration${missing(settings)}${insecure(settings)}${unused(document)}${withoutAcme(document)}${note === undefined ? "" : `; ${note}`}`
})

const dayOf = (millis: number): string => Certificate.timeOf(millis).slice(0, 10)

/** Fails if something else than a folder has this path; a folder that is missing is made at the start. */
const refuseNoFolder = Effect.fnUntraced(function* (path: string, where: string) {
  const fs = yield* FileSystem.FileSystem
  const isOther = yield* fs.stat(path).pipe(
    Effect.map(({ type }) => type !== "Directory"),
    Effect.orElseSucceed(() => false),
  )
  if (isOther)
    yield* single({
      code: "PTTH_CONFIG_INVALID",
      where,
      detail: `${path}, where certificates by ACME are kept, is not a folder`,
      remedy: "Set `state_dir` to a folder.",
    })
})

/** What is kept of certificates by ACME. */
const acmeNote = Effect.fnUntraced(function* (
  config: RelayConfig.RelayConfig,
  whereOf: (key: string) => string,
) {
  const options = yield* loadAcme(config, whereOf)
  if (options === undefined) return ""
  yield* refuseNoFolder(options.stateFolder, whereOf("state_dir"))
  const folder = AcmeStore.folderOf(options.stateFolder, options.directory)
  const statuses = yield* KeptCertificate.read(AcmeStore.inFolder(folder)).pipe(
    Effect.catch(({ detail }) =>
      Effect.as(Effect.logWarning(`PTTH_STATE_UNUSABLE: ${detail}`), []),
    ),
  )
  if (statuses.length === 0) return `; no certificate by ACME is kept in ${folder} yet`
  const lines = statuses.map(({ failure, id, until }) => {
    const state = until === undefined ? "no certificate" : `valid until ${dayOf(until)}`
    const problem =
      failure === undefined
        ? ""
        : `; failed on ${Certificate.timeOf(failure.at)}: ${failure.code}: ${failure.detail}; next try: ${Certificate.timeOf(failure.retryAt)}`
    return `\n  ${id.replace(/^_/, "*")}: ${state}${problem}`
  })
  return `; certificates by ACME in ${folder}:${lines.join("")}`
})

/** The hosts at which a relay ends TLS with the certificate of its files. */
const hostsOf = (config: RelayConfig.RelayConfig): ReadonlyArray<string> => {
  const { domain, servers } = config
  return [
    ...Subdomains.ownHostsOf(config),
    ...servers.flatMap(({ hosts, name, tls }) => {
      const label = ServerHost.labelOf(name)
      const own = domain === undefined || label === undefined ? [] : [`${label}.${domain}`]
      return tls === "passthrough" ? [] : [...own, ...hosts]
    }),
  ]
}

/** How many hosts are named at most. */
const maxNamed = 3

const certificateNote = (config: RelayConfig.RelayConfig): string => {
  const { acme, tls } = config
  if (tls === undefined) return ""
  const until = `; its certificate is valid until ${dayOf(Certificate.validityOf(tls).until)}`
  // Others get a certificate of their own.
  const others =
    acme === undefined ? hostsOf(config).filter((host) => !Certificate.isFor(tls, host)) : []
  if (others.length === 0) return until
  const more = others.length > maxNamed ? ` and ${others.length - maxNamed} more` : ""
  return `${until}, and not for ${others.slice(0, maxNamed).join(", ")}${more}`
}

/** A note about sign-in where visitors come by https and the relay cannot know it, so that it has all of them go to `public_url`. */
const unseenTls = (config: RelayConfig.RelayConfig): string =>
  config.publicUrl?.startsWith("https:") === true &&
  !RelayConfig.speaksTls(config) &&
  config.trustedProxies.length === 0
    ? "; nobody can sign in, since this relay does not speak TLS and `trusted_proxies` names no proxy that does"
    : ""

const unusedNote = (config: RelayConfig.RelayConfig): string =>
  unusedSettings(config)
    .map((note) => `; ${note}`)
    .join("")

/** What a relay's configuration is called in `OK: …`, with what is to be known of it. */
const checkRelay = Effect.fnUntraced(function* (
  file: string,
  text: string,
  document: Document | undefined,
) {
  const where = placesIn(file, document)
  const parts = yield* readParts(serversFolder(file))
  const { problems: faults, value } = decodeAll((faults) =>
    RelayConfig.decodeNaming(text, {
      file,
      parts: parts.filter((part) => !faults.some((fault) => fault.where.startsWith(part.file))),
      without: keysIn(faults.filter((fault) => fault.where.startsWith(file))),
    }),
  )
  if (value === undefined) return yield* new ConfigError({ problems: faults })
  const problems = new Problems()
  problems.add(faults)
  const { certificate, oidc } = value
  if (holdsPassword(value.config)) yield* problems.of(refuseReadable(file, file))
  const tls = certificate && (yield* problems.of(loadCertificate(certificate)))
  if (tls !== undefined && certificate !== undefined)
    yield* problems.of(refuseUntimely(tls, certificate.certificate))
  const clientSecret = oidc && (yield* problems.of(loadClientSecret(oidc.secret)))
  const config = withFiles(value, { tls, clientSecret })
  const clusterNote =
    config.cluster === undefined
      ? ""
      : yield* problems.of(checkCluster(config.cluster, (key) => where(["cluster", key])))
  const { publicUrl } = config
  const provider =
    config.oidc === undefined || publicUrl === undefined
      ? undefined
      : yield* problems.of(checkProvider(config.oidc, publicUrl, where(["oidc", "issuer"])))
  const signInNote = provider === undefined ? "" : provider + unseenTls(config)
  const acme = yield* problems.of(acmeNote(config, (key) => where([key])))
  yield* problems.refuse
  const servers = config.servers.length
  return `OK: ${file} is a relay's configuration with ${servers} server${servers === 1 ? "" : "s"}${certificateNote(config)}${clusterNote}${signInNote}${withoutAcme(document)}${unusedNote(config)}${acme}`
})

const check = Effect.fnUntraced(function* ({ file, kind }: CheckFlags) {
  const text = yield* readNamed(file)
  const parsed = parse(text, { file })
  const document = Result.isSuccess(parsed) ? parsed.success : undefined
  const checkedKind = Option.getOrElse(kind, () => detect(document, file))
  if (checkedKind === "server") return yield* checkServer(file, text, document)
  if (checkedKind === "relay") return yield* checkRelay(file, text, document)
  yield* Effect.fromResult(parsed)
  return yield* usage(
    file,
    "it is not clear whether this is a relay's or a server's configuration",
    "Use --kind relay or --kind server.",
  )
})

/** Prints OK, or fails with all problems. */
export const runCheck = Effect.fn("ptth check")(function* (flags: CheckFlags) {
  const message = yield* check(flags).pipe(
    Effect.catchTag("ConfigError", (error) =>
      Effect.fail(
        new CheckError({ code: error.code, message: error.problems.map(withFrame).join("\n") }),
      ),
    ),
  )
  yield* Console.log(message)
})

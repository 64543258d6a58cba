/**
 * `ptth share`: shares an application, a folder or a file through a relay,
 * without a configuration. The name and key are made on first use and kept.
 */
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import { type ConfigError, usage } from "../../domain/config/ConfigError.ts"
import { flagName } from "../../domain/config/ConfigKey.ts"
import * as ServerConfig from "../../domain/config/ServerConfig.ts"
import { fileKeys, shareKeys } from "../../domain/config/ServerKeys.ts"
import { isPasswordHash, type PasswordHash } from "../../domain/PasswordHash.ts"
import { isServerName, type ServerName } from "../../domain/ServerName.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import * as Ticket from "../../protocol/link/Ticket.ts"
import * as Server from "../../server/Server.ts"
import type { UplinkStatus } from "../../server/uplink/UplinkStatus.ts"
import { hashPassword } from "../../transport/auth/LoginChecker.ts"
import { runServices } from "../serve/RunServices.ts"
import { readCertificates, refuseInsecure } from "../serve/RunTunnel.ts"
import * as TunnelEvents from "../serve/TunnelEvents.ts"
import * as Flags from "../shared/Flags.ts"
import * as LoadConfig from "../shared/LoadConfig.ts"
import * as SecretInput from "../shared/SecretInput.ts"
import { version } from "../shared/Version.ts"
import * as KnownRelay from "./KnownRelay.ts"
import * as Restrictions from "./Restrictions.ts"
import * as ShareStore from "./ShareStore.ts"
import * as Target from "./Target.ts"

/** The values of the arguments and flags. */
export interface ShareFlags {
  readonly target: Option.Option<string>
  readonly relay: Option.Option<string>
  readonly ticket: Option.Option<string>
  /** The flags of `shareKeys`. */
  readonly config: Flags.RowFlags
  readonly noAuth: boolean
  readonly noWait: boolean
  readonly insecure: boolean
  readonly qr: boolean
}

/** The name that flag and ticket give; `undefined` without both. */
const nameOf = Effect.fnUntraced(function* (
  flag: string | undefined,
  ticket: string | undefined,
): Effect.fn.Return<ServerName | undefined, ConfigError> {
  if (flag !== undefined && !isServerName(flag))
    return yield* usage(
      "--name",
      `expected ${shareKeys.name.value.expected}`,
      "Choose another one.",
    )
  if (ticket === undefined) return flag
  const invited = Ticket.nameOf(ticket)
  if (invited === undefined)
    return yield* usage("--ticket", "it is not a ticket", "Copy the whole line of the invitation.")
  if (flag !== undefined && flag !== invited)
    return yield* usage("--name", `the ticket is for ${invited}`, "Leave --name out.")
  return invited
})

const passwordVariable = "PTTH_SHARE_AUTH_PASSWORD"

/** The hash of the password for `--auth`: from the environment, else typed, else the one that is kept of the same user. */
const passwordFor = Effect.fnUntraced(function* (
  user: string | undefined,
  restrictions: Restrictions.Restrictions,
): Effect.fn.Return<PasswordHash | undefined, ConfigError> {
  if (user === undefined) return undefined
  const text = process.env[passwordVariable] ?? ""
  if (isPasswordHash(text)) return text
  const kept = Restrictions.passwordOf(restrictions, user)
  if (text === "" && process.stdin.isTTY !== true && kept !== undefined) return kept
  if (text !== "" || process.stdin.isTTY !== true)
    return yield* usage(
      "--auth",
      `${passwordVariable} does not contain the hash of a password`,
      "Set it to what `ptth hash-password` prints, or run this in a terminal, which asks for the password.",
    )
  const password = yield* SecretInput.read({
    command: "share",
    name: `password for ${user}`,
    twice: true,
    isTrimmed: false,
  })
  return yield* hashPassword(password)
})

/** Fails if a flag for folders is given with an application. */
const refuseFileFlags = (
  target: Target.Target | undefined,
  flags: Flags.RowFlags,
): Effect.Effect<void, ConfigError> => {
  const [first] = target?._tag === "Application" ? Flags.overrides(fileKeys, flags) : []
  return first === undefined
    ? Effect.void
    : Effect.fail(
        usage(first.from, "it is for folders, and an application is shared", "Leave it out."),
      )
}

/** Fails if the sign-in is contradictory, or one that an application cannot have. */
const refuseSignIn = (
  target: Target.Target | undefined,
  restrictions: Restrictions.Restrictions,
  { config, noAuth }: ShareFlags,
): Effect.Effect<void, ConfigError> => {
  const given = [shareKeys.authUser, shareKeys.usersFile]
    .map(flagName)
    .find((name) => Option.isSome(config[name] ?? Option.none()))
  if (noAuth && given !== undefined)
    return Effect.fail(usage("--no-auth", `there is --${given} as well`, "Leave one of them out."))
  if (target?._tag === "Application" && Restrictions.needFiles(restrictions))
    return Effect.fail(
      usage(
        "TARGET",
        "this name has asked its visitors to sign in as a file of users says, which only a folder can",
        "Give --auth USER in its place, --no-auth, or another --name.",
      ),
    )
  return Effect.void
}

/** Nothing is shared yet. */
const notYet: Server.ServerOptions["handler"] = (_head, body, reply) => {
  body.discard()
  reply.fail(new ExchangeError({ code: "PTTH_SERVER_OFFLINE", detail: "nothing is shared yet" }))
  return () => {}
}

/** Has the key registered by its ticket; fails if the relay refuses both. */
const redeem = Effect.fnUntraced(function* (
  config: ServerConfig.ServerConfig,
  relay: KnownRelay.KnownRelay,
  ticket: string,
) {
  const ca = yield* readCertificates(relay.ca, undefined)
  const connected = yield* Deferred.make<string, TunnelEvents.KeyRefusedError>()
  const { relayUrl } = config
  let statusNow: (() => UplinkStatus) | undefined
  yield* Effect.raceFirst(
    Deferred.await(connected),
    Effect.scoped(
      TunnelEvents.tellingOfSilence(
        Server.run({
          name: config.name,
          apiKey: config.apiKey,
          ticket,
          relayUrl,
          handler: notYet,
          program: `ptth/${version}`,
          transport: config.transport,
          ...(ca === undefined ? {} : { ca }),
          onStart: (status) => {
            statusNow = status
          },
          onConnected: (url) => Effect.asVoid(Deferred.succeed(connected, url)),
          onRefused: Effect.asVoid(
            Deferred.fail(
              connected,
              new TunnelEvents.KeyRefusedError({ relayUrl, command: "ptth relay invite" }),
            ),
          ),
        }),
        relayUrl,
        () => statusNow?.(),
        false,
      ),
    ),
  )
})

/** Makes a new key for a share, as its ticket wants, unless the relay does not accept the ticket. */
const renew = Effect.fnUntraced(function* (
  share: ShareStore.Share,
  config: ServerConfig.ServerConfig,
  relay: KnownRelay.KnownRelay,
  ticket: string,
) {
  const renewal = yield* ShareStore.renew(share, ticket)
  if (renewal === undefined) return config
  const renewed = { ...config, apiKey: renewal.apiKey }
  return yield* redeem(renewed, relay, ticket).pipe(
    Effect.andThen(renewal.keep),
    Effect.as(renewed),
    Effect.catchTag("KeyRefusedError", () =>
      Effect.gen(function* () {
        yield* renewal.discard
        yield* Effect.logWarning(`${config.name} keeps the key that it has`)
        return config
      }),
    ),
  )
})

/** Shares until it is interrupted. One function, since each step needs those before. */
export const runShare = Effect.fn("ptth share")(function* (flags: ShareFlags) {
  const env = process.env
  const text = Option.getOrUndefined(flags.target)
  const ticket = Option.getOrUndefined(flags.ticket)
  if (text === undefined && ticket === undefined)
    return yield* usage(
      "TARGET",
      "it is missing",
      "Name what to share: a port such as 3000, a folder or file such as ./Pictures, or an address.",
    )
  const target = text === undefined ? undefined : yield* Target.parse(text)
  yield* refuseFileFlags(target, flags.config)
  const flagText = (name: string) =>
    Option.map(flags.config[name] ?? Option.none(), (value) => String(value))
  const name = yield* nameOf(Option.getOrUndefined(flagText("name")), ticket)
  const relay = yield* KnownRelay.find(
    { relay: flags.relay, ca: flagText("ca"), insecure: flags.insecure },
    env,
  )
  const refusal = refuseInsecure(relay.url, relay.insecure)
  if (refusal !== undefined) return yield* refusal
  const found = yield* ShareStore.find({ relayUrl: relay.url, target, name }, env)
  const user = Option.getOrUndefined(flagText("auth"))
  const password = yield* passwordFor(user, found.restrictions)
  const origin = target?._tag === "Application" ? Option.some(target.to) : Option.none()
  const overrides = [
    ...Flags.overrides(shareKeys, flags.config),
    ...Flags.override("ca", "ca", Option.fromUndefinedOr(relay.ca)),
    ...Flags.override("auth_password", "auth", Option.fromUndefinedOr(password)),
    ...Flags.override("to", "TARGET", origin),
  ]
  // Check the flags before a key is made.
  yield* Effect.fromResult(ServerConfig.decodeSettings("", { overrides }))
  const restrictions = Restrictions.changed(found.restrictions, overrides, flags.noAuth)
  yield* refuseSignIn(target, restrictions, flags)
  const share = yield* ShareStore.keep(found, restrictions, env)
  const { config: settings } = yield* LoadConfig.loadServer({
    configPath: Option.some(share.path),
    overrides: [...overrides, ...Flags.override("name", "name", Option.some(share.name))],
    env: {},
  })
  const stored = yield* Effect.fromResult(
    ServerConfig.require(settings, ["name", "apiKey", "relayUrl"], share.path),
  )
  const isRenewing = !share.isNew && ticket !== undefined && Ticket.wantsNewKey(ticket)
  const config = isRenewing ? yield* renew(share, stored, relay, ticket) : stored
  if (target === undefined) {
    if (!isRenewing) yield* redeem(config, relay, ticket ?? "")
    yield* KnownRelay.remember(relay, env)
    return yield* Console.log(
      `${config.name} is registered at ${config.relayUrl}. Share something under it: ptth share 3000, or ptth share ./Pictures`,
    )
  }
  const fs = yield* FileSystem.FileSystem
  return yield* runServices([config], {
    path: share.path,
    insecure: relay.insecure,
    qr: flags.qr,
    wait: !flags.noWait,
    pairing: `${share.isNew || config !== stored ? "new: " : ""}${share.path}`,
    kept: Restrictions.describeKept(restrictions, overrides),
    ticket: isRenewing ? undefined : ticket,
    onRelay: Effect.provideService(KnownRelay.remember(relay, env), FileSystem.FileSystem, fs),
  })
})

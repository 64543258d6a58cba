/**
 * Invites a server: makes a ticket, and prints the command line with which
 * somebody on another machine serves through this relay without an approval.
 */
import { hostname } from "node:os"
import * as NodePath from "node:path"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type ConfigError, usage } from "../../domain/config/ConfigError.ts"
import * as ConfigValue from "../../domain/config/ConfigValue.ts"
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import { parseRelayUrl } from "../../domain/config/ServerKeys.ts"
import * as ListenAddress from "../../domain/ListenAddress.ts"
import * as Invitations from "../../relay/registry/Invitations.ts"
import { ownAddress } from "../../transport/net/OwnAddress.ts"
import { span } from "../../web/Format.ts"
import * as LoadConfig from "../shared/LoadConfig.ts"
import * as RelayFolder from "./RelayFolder.ts"
import * as RuntimeFolder from "./RuntimeFolder.ts"
import * as StatusSocket from "./StatusSocket.ts"

/** The values of arguments and flags. */
export interface InviteFlags {
  readonly name: string
  readonly expires: Option.Option<string>
  readonly relay: Option.Option<string>
  readonly replace: boolean
  readonly configPath: Option.Option<string>
}

const decodeDuration = Schema.decodeUnknownResult(ConfigValue.duration.schema)

const millisOf = (text: Option.Option<string>): Effect.Effect<number, ConfigError> =>
  Option.match(text, {
    onNone: () => Effect.succeed(Invitations.defaultMillis),
    onSome: (text) =>
      Effect.fromResult(
        Result.mapBoth(decodeDuration(text), {
          onSuccess: (duration) => Duration.toMillis(duration),
          onFailure: () =>
            usage("--expires", 'expected a time such as "1 h", at most 7 days ("168 h")'),
        }),
      ),
  })

/** Where the relay listens, as far as its configuration tells; a host that stands for every address is this machine's. */
const listenUrl = ({ listen, tls }: RelayConfig): string => {
  const host = ListenAddress.isEverywhere(listen.host)
    ? (ownAddress() ?? hostname().toLowerCase())
    : listen.host
  const scheme = tls === undefined ? "http" : "https"
  return `${scheme}://${ListenAddress.format({ host, port: listen.port })}`
}

/** What a relay says of itself that runs with this folder. */
const runningRelay = Effect.fnUntraced(function* (folder: string) {
  const statuses = yield* StatusSocket.askAll(RuntimeFolder.ofProcess())
  return statuses.find(
    (status) =>
      status.kind === "relay" &&
      LoadConfig.serversFolder(
        status.config ?? NodePath.join(status.folder, LoadConfig.relayFile),
      ) === folder,
  )?.relay
})

/** The relay's address for servers, and whether it was configured or given. */
const addressOf = Effect.fnUntraced(function* (
  config: RelayConfig,
  folder: string,
  relay: Option.Option<string>,
): Effect.fn.Return<{ readonly url: string; readonly isCertain: boolean }, ConfigError> {
  if (Option.isSome(relay)) {
    const url = parseRelayUrl(relay.value)
    return url === undefined
      ? yield* usage("--relay", 'expected an address such as "https://relay.example.com"')
      : { url, isCertain: true }
  }
  if (config.publicUrl !== undefined) return { url: config.publicUrl, isCertain: true }
  const running = yield* runningRelay(folder)
  return running?.publicUrl === undefined
    ? { url: parseRelayUrl(running?.address ?? "") ?? listenUrl(config), isCertain: false }
    : { url: running.publicUrl, isCertain: true }
})

/** What is printed: the command line alone, then how it is used. */
export const describe = (
  invitation: Invitations.Invitation,
  { isCertain, url }: { readonly url: string; readonly isCertain: boolean },
  now: number,
): string => {
  const { expiresAt, name } = invitation
  return [
    Invitations.commandLine(invitation, url),
    "",
    "# Run this on the other machine, with what it shares at the end: 3000, ./Pictures or an address.",
    `# It registers ${name} without an approval. Good once, for ${span(expiresAt - now)}.`,
    ...(isCertain
      ? []
      : [
          `# The relay has no public_url, so ${url} is this machine's own address. If the other`,
          "# machine reaches the relay at another one, replace it there.",
        ]),
  ].join("\n")
}

/** Writes the invitation, and prints the command line. */
export const runInvite = Effect.fn("ptth relay invite")(function* (flags: InviteFlags) {
  const millis = yield* millisOf(flags.expires)
  const { config, folder } = yield* RelayFolder.find(flags.configPath)
  const address = yield* addressOf(config, folder, flags.relay)
  const invitation = yield* Invitations.invite(folder, config, flags.name, {
    millis,
    replaces: flags.replace,
  })
  yield* Console.log(describe(invitation, address, yield* Clock.currentTimeMillis))
})

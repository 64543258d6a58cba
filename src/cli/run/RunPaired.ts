/**
 * `ptth fileserver --relay`: serves a folder through a relay without a
 * configuration. The key is generated on first use, and the relay's
 * administrator approves it.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { usage } from "../../domain/config/ConfigError.ts"
import * as ServerConfig from "../../domain/config/ServerConfig.ts"
import { fileKeys } from "../../domain/config/ServerKeys.ts"
import type { PasswordHash } from "../../domain/PasswordHash.ts"
import { isServerName } from "../../domain/ServerName.ts"
import { runServices } from "../serve/RunServices.ts"
import { refuseInsecure } from "../serve/RunTunnel.ts"
import type { FileServerFlags } from "../shared/FileServerFlags.ts"
import * as Flags from "../shared/Flags.ts"
import * as LoadConfig from "../shared/LoadConfig.ts"
import * as PairingKey from "./PairingKey.ts"

/** The values of the flags, and the hash of the password for `--auth`. */
export interface PairedFlags extends FileServerFlags {
  readonly password: PasswordHash | undefined
}

/** Runs until it is interrupted. */
export const runPaired = Effect.fn("RunPaired.runPaired")(function* (
  relay: string,
  flags: PairedFlags,
) {
  if (Option.isSome(flags.listen))
    return yield* usage("--listen", "it cannot be used with --relay", "Leave one of them out.")
  if (Option.isSome(flags.allowedHosts))
    return yield* usage(
      "--allowed-hosts",
      "it cannot be used with --relay",
      "Leave one of them out.",
    )
  const name = Option.getOrElse(flags.name, () => "")
  if (!isServerName(name)) {
    return yield* usage(
      "--name",
      "--relay needs a name: 1 to 63 of the characters A-Z a-z 0-9 - _",
      "Choose one, such as --name attic.",
    )
  }
  const overrides = [
    ...Flags.overrides(fileKeys, flags.files),
    ...Flags.override("name", "name", Option.some(name)),
    ...Flags.override("relay_url", "relay", Option.some(relay)),
    ...Flags.override(
      "file_server_root",
      "file-server-root",
      Option.orElse(flags.folder, () => flags.fileServerRoot),
    ),
    ...Flags.override("ca", "ca", flags.ca),
    ...Flags.override("transport", "transport", flags.transport),
    ...Flags.override("auth_user", "auth", flags.auth),
    ...Flags.override("auth_password", "auth", Option.fromUndefinedOr(flags.password)),
  ]
  // Check the flags before a key is generated.
  const { relayUrl } = yield* Effect.fromResult(ServerConfig.decodeSettings("", { overrides }))
  const refusal = refuseInsecure(relayUrl ?? relay, flags.insecure)
  if (refusal !== undefined) return yield* refusal
  const path = PairingKey.fileOf(relayUrl ?? relay, name, process.env)
  const isNewKey = yield* PairingKey.ensure(path, relayUrl ?? relay, name)
  const { config } = yield* LoadConfig.loadServer({
    configPath: Option.some(path),
    overrides,
    env: {},
  })
  return yield* runServices(
    [yield* Effect.fromResult(ServerConfig.require(config, ["name", "apiKey", "relayUrl"], path))],
    {
      path,
      insecure: flags.insecure,
      qr: flags.qr,
      wait: !flags.noWait,
      pairing: `${isNewKey ? "new: " : ""}${path}`,
    },
  )
})

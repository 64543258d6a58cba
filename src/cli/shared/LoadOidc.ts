/**
 * Reads the secret that a relay's `[oidc]` names.
 */
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Redacted from "effect/Redacted"
import { type ConfigError, single } from "../../domain/config/ConfigError.ts"
import type { Oidc } from "../../domain/config/OidcKeys.ts"
import type { NamedFile } from "../../domain/config/RelayConfig.ts"
import { readText, refuseReadable } from "./NamedFile.ts"

/** Asks the provider for its metadata; succeeds with what to add to the sentence that all is well. */
export const checkProvider = Effect.fn("LoadOidc.checkProvider")(function* (
  oidc: Oidc,
  publicUrl: string,
  where: string,
): Effect.fn.Return<string, ConfigError> {
  const { Provider } = yield* Effect.promise(() => import("../../relay/signin/Provider.ts"))
  const { callbackPath } = yield* Effect.promise(() => import("../../relay/signin/SignIn.ts"))
  const { now } = Date
  let reason = "no reason is known"
  const provider = new Provider(oidc, now, (message) => {
    reason = message
  })
  yield* Effect.tryPromise({
    try: () => provider.probe(),
    catch: () =>
      single({
        code: "PTTH_SIGN_IN_UNAVAILABLE",
        where,
        detail: reason,
        remedy:
          "Check `issuer`, which has to be exactly what the provider calls itself, and the network. A relay starts without it.",
      }),
  })
  return `; its provider answers, which has to know the redirect URI ${publicUrl}${callbackPath}`
})

/** The fewest characters: sessions are sealed with a key that is derived from the secret. */
const shortest = 16

/** Reads the secret, which prints as `<redacted:client secret>`. */
export const loadClientSecret = Effect.fn("LoadOidc.loadClientSecret")(function* ({
  path,
  where,
}: NamedFile): Effect.fn.Return<Redacted.Redacted<string>, ConfigError, FileSystem.FileSystem> {
  const invalid = (detail: string): ConfigError =>
    single({
      code: "PTTH_CONFIG_INVALID",
      where,
      detail: `\`client_secret_file\` ${path} ${detail}`,
      remedy: "Write the secret that the provider gave to this relay to the file, as one line.",
    })
  const secret = (yield* readText(path, invalid)).trim()
  if (/[\r\n]/.test(secret)) return yield* invalid("has more than one line")
  if (secret.length < shortest)
    return yield* invalid(`has a secret of fewer than ${shortest} characters`)
  yield* refuseReadable(path, where)
  return Redacted.make(secret, { label: "client secret" })
})

/**
 * `ptth keygen` and `ptth hash-api-key`: keys and their tripcodes.
 */
import * as Console from "effect/Console"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as SecretInput from "../shared/SecretInput.ts"

const keygen = Effect.fn("ptth keygen")(function* ({ cluster }: { readonly cluster: boolean }) {
  const [{ newClusterKey, newKey }, ApiKey] = yield* Effect.promise(() =>
    Promise.all([import("../../transport/auth/NewKey.ts"), import("../../domain/ApiKey.ts")]),
  )
  if (cluster) return yield* Console.log(Redacted.value(newClusterKey()))
  const key = newKey()
  const keyText = Redacted.value(key)
  yield* Console.log(
    [
      keyText,
      "",
      "# ptth_server.toml, which only its owner may read (chmod 600):",
      `api_key = "${keyText}"`,
      "",
      "# ptth_relay.toml, below [[servers]] and the server's name:",
      `tripcode = "${ApiKey.tripcode(key)}"`,
    ].join("\n"),
  )
})

/** Generates a key. */
export const keygenCommand = Command.make(
  "keygen",
  {
    cluster: Flag.Boolean("cluster").pipe(
      Flag.withDescription("Print only a key that the machines of a cluster share, for `key_file`"),
      Flag.withDefault(false),
    ),
  },
  keygen,
).pipe(
  Command.withDescription(
    "Generate a key, a passphrase of seven random words, and print the lines for the two configurations. The first line is the key alone",
  ),
  Command.withShortDescription("Generate a key and print its tripcode"),
)

const hashApiKey = Effect.fn("ptth hash-api-key")(function* () {
  const ApiKey = yield* Effect.promise(() => import("../../domain/ApiKey.ts"))
  const key = yield* SecretInput.read({
    command: "hash-api-key",
    name: "key",
    twice: false,
    isTrimmed: true,
  })
  const parsed = ApiKey.parse(key)
  if (Result.isFailure(parsed))
    yield* Console.error(`The key ${parsed.failure}: \`ptth server\` would refuse it.`)
  yield* Console.log(ApiKey.tripcodeOfText(key))
})

/** Prints the tripcode of a key. */
export const hashApiKeyCommand = Command.make("hash-api-key", {}, hashApiKey).pipe(
  Command.withDescription(
    "Ask for a key, which is not shown, or read it from a pipe, and print its tripcode",
  ),
)

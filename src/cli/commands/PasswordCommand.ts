/**
 * `ptth hash-password`: the hash of a password, for configurations.
 */
import { text } from "node:stream/consumers"
import * as Console from "effect/Console"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { single } from "../../domain/config/ConfigError.ts"

const hashPassword = Effect.fn("ptth hash-password")(function* () {
  const LoginChecker = yield* Effect.promise(() => import("../../transport/auth/LoginChecker.ts"))
  if (process.stdin.isTTY === true) {
    yield* Console.error("Type the password, then Enter and Ctrl+D:")
  }
  const input = yield* Effect.promise(() => text(process.stdin))
  const password = (input.split("\n")[0] ?? "").replace(/\r$/, "")
  if (password === "") {
    return yield* single({
      code: "PTTH_USAGE",
      where: "hash-password",
      detail: "there is no password on standard input",
      remedy: "Pipe the password in, or type it.",
    })
  }
  yield* Console.log(yield* LoginChecker.hashPassword(password))
})

/** Prints the hash of a password. */
export const hashPasswordCommand = Command.make("hash-password", {}, hashPassword).pipe(
  Command.withDescription(
    "Read a password from standard input and print its hash, for auth_password",
  ),
)

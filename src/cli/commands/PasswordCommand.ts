/**
 * `ptth hash-password`: the hash of a password, for configurations.
 */
import * as Console from "effect/Console"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as SecretInput from "../shared/SecretInput.ts"

const hashPassword = Effect.fn("ptth hash-password")(function* () {
  const LoginChecker = yield* Effect.promise(() => import("../../transport/auth/LoginChecker.ts"))
  const password = yield* SecretInput.read({
    command: "hash-password",
    name: "password",
    twice: true,
    isTrimmed: false,
  })
  yield* Console.log(yield* LoginChecker.hashPassword(password))
})

/** Prints the hash of a password. */
export const hashPasswordCommand = Command.make("hash-password", {}, hashPassword).pipe(
  Command.withDescription(
    "Ask for a password, which is not shown, or read it from a pipe, and print its hash for auth_password",
  ),
)

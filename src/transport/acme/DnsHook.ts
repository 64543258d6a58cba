/**
 * Answers `dns-01` by a command of the operator's: it is called as
 * `COMMAND add NAME VALUE`, returns once the TXT record can be seen, and as
 * `COMMAND remove NAME VALUE` afterwards.
 */
import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import * as Effect from "effect/Effect"
import type { Challenge } from "./AcmeClient.ts"
import { AcmeError } from "./AcmeError.ts"

/** How long the command may run, in milliseconds. */
const commandMillis = 150_000

/** A TXT record. */
export interface TxtRecord {
  /** Without a dot at its end. */
  readonly name: string
  readonly value: string
}

/** The record that answers a challenge (RFC 8555 8.4). */
export const recordOf = ({ host, keyAuthorization }: Challenge): TxtRecord => ({
  name: `_acme-challenge.${host}`,
  value: createHash("sha256").update(keyAuthorization).digest("base64url"),
})

/** Runs the command; fails unless it exits with 0. */
export const run = (
  command: string,
  action: "add" | "remove",
  { name, value }: TxtRecord,
): Effect.Effect<void, AcmeError> =>
  Effect.callback((resume) => {
    const child = execFile(
      command,
      [action, name, value],
      { timeout: commandMillis, killSignal: "SIGKILL", maxBuffer: 1024 * 1024 },
      (error, _stdout, stderr) => {
        if (error === null) return resume(Effect.void)
        const [lastLine = ""] = stderr.trim().split("\n").slice(-1)
        const reason =
          error.killed === true ? "was ended since it took too long" : `fails (${error.code})`
        resume(
          Effect.fail(
            new AcmeError({
              code: "PTTH_ACME_CHALLENGE",
              detail: `\`acme_dns_hook\` ${reason} for ${action} ${name}${lastLine === "" ? "" : `: ${lastLine.slice(0, 300)}`}`,
            }),
          ),
        )
      },
    )
    return Effect.sync(() => child.kill("SIGKILL"))
  })

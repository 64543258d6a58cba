/**
 * Approves a server: writes one small file beside the configuration, atomically.
 * Existing files are never changed, and no registration is replaced.
 */
import { randomUUID } from "node:crypto"
import * as NodePath from "node:path"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { PlatformError } from "effect/PlatformError"
import { hostProblems } from "../../domain/config/RelayChecks.ts"
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import { entry } from "../../domain/ErrorRegistry.ts"
import { isServerName, type ServerName } from "../../domain/ServerName.ts"
import { isTripcode, type Tripcode } from "../../domain/Tripcode.ts"

/** Why a server could not be approved. */
export class ApprovalError extends Data.TaggedError("ApprovalError")<{
  readonly code: "PTTH_BAD_APPROVAL" | "PTTH_ALREADY_REGISTERED" | "PTTH_CANNOT_APPROVE"
  /** What happened, as a sentence without a full stop. */
  readonly detail: string
}> {
  override get message(): string {
    return `${this.code}: ${this.detail}. ${entry(this.code).remedy}`
  }
}

/** The TOML that registers a server. Names and tripcodes need no escaping. */
export const toToml = (name: string, tripcode: string, isPaused = false): string =>
  `[[servers]]\nname = "${name}"\ntripcode = "${tripcode}"\n${isPaused ? "paused = true\n" : ""}`

const cannot = (path: string) => (error: PlatformError) =>
  new ApprovalError({
    code: "PTTH_CANNOT_APPROVE",
    detail: `${path} cannot be written (${error.reason._tag})`,
  })

/** The error for a text that is not a server's name. */
export const badName = (name: string): ApprovalError =>
  new ApprovalError({
    code: "PTTH_BAD_APPROVAL",
    detail: `${JSON.stringify(name)} is not a server's name`,
  })

/** Fails if a further server of this name would not have a host of its own. */
export const requireFreeName = (
  config: RelayConfig,
  name: ServerName,
): Effect.Effect<void, ApprovalError> => {
  const names = [...config.servers.map((server) => server.name), name]
  const clash = hostProblems(config, names).find(({ index }) => index === names.length - 1)
  return clash === undefined
    ? Effect.void
    : Effect.fail(new ApprovalError({ code: "PTTH_BAD_APPROVAL", detail: clash.detail }))
}

/** The line with the tripcode in a file that registers one server. */
const tripcodeLine = /^[ \t]*tripcode[ \t]*=[ \t]*(?:"[^"\n]*"|\[[^\]]*\])[ \t]*(?=#|$)/gm

/** The text of the server's own file; fails if its key cannot be replaced there. */
export const requireOwnFile = Effect.fn("Approval.requireOwnFile")(function* (
  folder: string,
  name: ServerName,
): Effect.fn.Return<string, ApprovalError, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const path = NodePath.join(folder, `${name}.toml`)
  const text = yield* Effect.orElseSucceed(fs.readFileString(path), () => "")
  if (text.match(tripcodeLine)?.length === 1) return text
  return yield* new ApprovalError({
    code: "PTTH_CANNOT_APPROVE",
    detail: `the key of ${name} is not in ${path}; it can be replaced only there`,
  })
})

/** Replaces the key of a server that has a file of its own in the folder. */
export const replaceKey = Effect.fn("Approval.replaceKey")(function* (
  folder: string,
  name: ServerName,
  tripcode: Tripcode,
): Effect.fn.Return<string, ApprovalError, FileSystem.FileSystem> {
  const text = yield* requireOwnFile(folder, name)
  const path = NodePath.join(folder, `${name}.toml`)
  const replaced = text.replace(tripcodeLine, `tripcode = "${tripcode}"`)
  yield* Effect.mapError(write(folder, path, replaced), cannot(path))
  return path
})

/**
 * Registers a server: writes `NAME.toml` to the folder. Succeeds with the path
 * of the file, or `undefined` if the server is already registered with that
 * tripcode.
 *
 * @param config the configuration in force, or that would be
 */
export const approve = Effect.fn("Approval.approve")(function* (
  folder: string,
  config: RelayConfig,
  name: string,
  tripcode: string,
  isPaused = false,
): Effect.fn.Return<string | undefined, ApprovalError, FileSystem.FileSystem> {
  if (!isServerName(name)) return yield* badName(name)
  if (!isTripcode(tripcode)) {
    return yield* new ApprovalError({
      code: "PTTH_BAD_APPROVAL",
      detail: `${JSON.stringify(tripcode)} is not a tripcode`,
    })
  }
  const registered = config.servers.find((server) => server.name === name)
  if (registered?.tripcodes.includes(tripcode) === true) return undefined
  if (registered !== undefined) {
    return yield* new ApprovalError({
      code: "PTTH_ALREADY_REGISTERED",
      detail: `the name ${name} is registered with another key`,
    })
  }
  yield* requireFreeName(config, name)
  const fs = yield* FileSystem.FileSystem
  const path = NodePath.join(folder, `${name}.toml`)
  const text = toToml(name, tripcode, isPaused)
  const exists = yield* Effect.mapError(fs.exists(path), cannot(path))
  if (exists) {
    // Another relay may have had it registered at the same moment.
    const present = yield* Effect.orElseSucceed(fs.readFileString(path), () => "")
    if (present === text) return path
    return yield* new ApprovalError({
      code: "PTTH_ALREADY_REGISTERED",
      detail: `${path} exists, but is not in force`,
    })
  }
  yield* Effect.mapError(write(folder, path, text), cannot(path))
  return path
})

/** Writes a file of the folder atomically; the folder is made if it is missing. */
export const write = Effect.fnUntraced(function* (folder: string, path: string, text: string) {
  const fs = yield* FileSystem.FileSystem
  yield* fs.makeDirectory(folder, { recursive: true })
  const temporary = NodePath.join(folder, `.${NodePath.basename(path)}.${randomUUID()}.tmp`)
  yield* Effect.scoped(
    Effect.gen(function* () {
      const file = yield* fs.open(temporary, { flag: "wx", mode: 0o644 })
      yield* file.writeAll(new TextEncoder().encode(text))
      yield* file.sync
    }),
  ).pipe(
    // The approver may be another user than the relay's; the file holds no secret.
    Effect.andThen(fs.chmod(temporary, 0o644)),
    Effect.andThen(fs.rename(temporary, path)),
    Effect.onError(() => Effect.ignore(fs.remove(temporary))),
  )
  // The rename is durable once the folder is synced, which not every system supports.
  yield* Effect.scoped(Effect.flatMap(fs.open(folder), (handle) => handle.sync)).pipe(Effect.ignore)
})

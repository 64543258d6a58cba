/**
 * Invitations of servers: each is a small file in `servers.d` with the digest of
 * its ticket. Whoever redeems the ticket has to remove that file, so that a
 * ticket is good once, also for several workers that share the folder.
 */
import { randomUUID } from "node:crypto"
import * as NodePath from "node:path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import * as Schema from "effect/Schema"
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import * as ListenAddress from "../../domain/ListenAddress.ts"
import { isServerName, type ServerName } from "../../domain/ServerName.ts"
import * as Ticket from "../../protocol/link/Ticket.ts"
import * as Approval from "./Approval.ts"

/** How long an invitation is good unless its maker says otherwise, in milliseconds: a day. */
export const defaultMillis = 86_400_000

/** What an invitation is made with. */
export interface InvitationOptions {
  /** How long it is good, in milliseconds; {@link defaultMillis} by default. */
  readonly millis?: number
  /** Whether the name is registered, and its key is to be replaced; `false` by default. */
  readonly replaces?: boolean
}

/** An invitation as its maker gets it; the ticket is shown once. */
export interface Invitation {
  readonly name: ServerName
  readonly ticket: string
  /** In milliseconds since 1970. */
  readonly expiresAt: number
}

const Stored = Schema.fromJsonString(
  Schema.Struct({
    digest: Schema.String,
    expiresAt: Schema.Finite,
    replaces: Schema.Boolean,
  }),
)
const decode = Schema.decodeUnknownOption(Stored)
const encode = Schema.encodeSync(Stored)

const pathOf = (folder: string, name: ServerName): string =>
  NodePath.join(folder, `.invitation-${name}.json`)

const cannot = (path: string) => (error: PlatformError) =>
  new Approval.ApprovalError({
    code: "PTTH_CANNOT_APPROVE",
    detail: `${path} cannot be written (${error.reason._tag})`,
  })

/**
 * Writes an invitation into the folder; an earlier one for the name is replaced.
 *
 * @param config the configuration in force, or that would be
 */
export const invite = Effect.fn("Invitations.invite")(function* (
  folder: string,
  config: RelayConfig,
  name: string,
  { millis = defaultMillis, replaces = false }: InvitationOptions = {},
): Effect.fn.Return<Invitation, Approval.ApprovalError, FileSystem.FileSystem> {
  if (!isServerName(name)) return yield* Approval.badName(name)
  const isRegistered = config.servers.some((server) => server.name === name)
  if (replaces) yield* Approval.requireOwnFile(folder, name)
  else if (isRegistered) {
    return yield* new Approval.ApprovalError({
      code: "PTTH_ALREADY_REGISTERED",
      detail: `the name ${name} is registered`,
    })
  } else yield* Approval.requireFreeName(config, name)
  const ticket = Ticket.make(name, replaces)
  const expiresAt = (yield* Clock.currentTimeMillis) + millis
  const path = pathOf(folder, name)
  const text = encode({ digest: Ticket.digest(ticket), expiresAt, replaces })
  yield* Effect.mapError(Approval.write(folder, path, text), cannot(path))
  return { name, ticket, expiresAt }
})

/** Ends the invitation for a name, if there is one. */
export const revoke = Effect.fn("Invitations.revoke")(function* (folder: string, name: ServerName) {
  const fs = yield* FileSystem.FileSystem
  yield* Effect.ignore(fs.remove(pathOf(folder, name)))
})

/**
 * The command line with which an invited server shares something, without what it shares.
 *
 * @param relayUrl the relay's address for servers
 */
export const commandLine = ({ ticket }: Invitation, relayUrl: string): string =>
  `ptth share --relay ${relayUrl}${ListenAddress.isConfidential(relayUrl) ? "" : " --insecure"} --ticket ${ticket}`

/** An invitation that was taken out of its folder. */
export interface Taken {
  readonly replaces: boolean
  /** Puts it back, where the registration failed. */
  readonly putBack: Effect.Effect<void>
}

/** Takes the invitation with this digest out of the folder; `undefined` if there is none that is good now. */
export const take = Effect.fn("Invitations.take")(function* (
  folder: string,
  name: ServerName,
  digest: string,
): Effect.fn.Return<Taken | undefined, never, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const path = pathOf(folder, name)
  const text = yield* Effect.orElseSucceed(fs.readFileString(path), () => "")
  const stored = Option.getOrUndefined(decode(text))
  if (stored === undefined) return undefined
  const isOver = stored.expiresAt <= (yield* Clock.currentTimeMillis)
  if (!isOver && stored.digest !== digest) return undefined
  // Of several that redeem it at the same time, one renames the file.
  const takenPath = `${path}.${randomUUID()}`
  const isTaken = yield* fs.rename(path, takenPath).pipe(
    Effect.as(true),
    Effect.orElseSucceed(() => false),
  )
  if (isTaken) yield* Effect.ignore(fs.remove(takenPath))
  if (isOver || !isTaken) return undefined
  return {
    replaces: stored.replaces,
    putBack: Effect.ignore(
      Effect.provideService(Approval.write(folder, path, text), FileSystem.FileSystem, fs),
    ),
  }
})

/**
 * Registers a server that an administrator approves: writes its file, loads the
 * configuration, and records the approval once.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import { isServerName, type ServerName } from "../../domain/ServerName.ts"
import { isTripcode, type Tripcode } from "../../domain/Tripcode.ts"
import { AuditLog } from "../audit/AuditLog.ts"
import { RelaySettings } from "../settings/RelaySettings.ts"
import * as Approval from "./Approval.ts"
import { Servers } from "./Servers.ts"

/**
 * Registers a server, which is in force when this succeeds.
 *
 * @param by who did it, for the audit log
 * @param replaces whether the tripcode takes the place of the one that is registered; `false` by default
 */
export type RegisterServer = (
  name: string,
  tripcode: string,
  by: string,
  replaces?: boolean,
) => Effect.Effect<void, Approval.ApprovalError>

const cannot = (detail: string) =>
  new Approval.ApprovalError({ code: "PTTH_CANNOT_APPROVE", detail })

/** The error of a relay whose configuration is not in files. */
export const noFolder = cannot("this relay has no configuration file that could be added to")

/** The operation; a supervisor of workers has it too, although it serves nobody itself. */
export const make: Effect.Effect<RegisterServer, never, RelaySettings | AuditLog> = Effect.gen(
  function* () {
    const settings = yield* RelaySettings
    const audit = yield* AuditLog
    const servers = Option.getOrUndefined(yield* Effect.serviceOption(Servers))
    const fs = Option.getOrUndefined(yield* Effect.serviceOption(FileSystem.FileSystem))

    /** Succeeds with whether the server was not in force before. */
    const register = Effect.fnUntraced(function* (
      name: string,
      tripcode: string,
      replaces: boolean,
    ) {
      const { serversFolder } = settings.status()
      if (serversFolder === undefined || fs === undefined) return yield* noFolder
      const isKnown = settings.derived().servers.has(name)
      const write =
        replaces && isKnown && isServerName(name) && isTripcode(tripcode)
          ? Approval.replaceKey(serversFolder, name, tripcode)
          : Approval.approve(serversFolder, settings.current(), name, tripcode)
      const file = yield* Effect.provideService(write, FileSystem.FileSystem, fs)
      yield* settings.reload
      const registered = settings.derived().servers.get(name)
      if (registered?.tripcodes.includes(tripcode as Tripcode) !== true) {
        const problem = settings.status().problem?.message ?? "it was replaced"
        return yield* cannot(
          `the file is written, but the configuration is not in force: ${problem}`,
        )
      }
      return file !== undefined
    })

    /** Ends the approval, by somebody if the server was not in force before. */
    const begin = (name: string, tripcode: string): ((by: string | undefined) => void) =>
      servers?.approving(name, tripcode) ??
      ((by) => {
        if (by !== undefined)
          audit.record({
            _tag: "ServerApproved",
            name: name as ServerName,
            tripcode: tripcode as Tripcode,
            by,
          })
      })

    return Effect.fn("RegisterServer")((name, tripcode, by, replaces = false) =>
      Effect.suspend(() => {
        const end = begin(name, tripcode)
        return register(name, tripcode, replaces).pipe(
          Effect.onExit((exit) =>
            Effect.sync(() => end(Exit.isSuccess(exit) && exit.value ? by : undefined)),
          ),
          Effect.asVoid,
        )
      }),
    )
  },
)

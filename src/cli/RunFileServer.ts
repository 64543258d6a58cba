/**
 * Serves a folder directly on an address.
 */
import * as NodePath from "node:path"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as FileServer from "../fileserver/FileServer.ts"
import { serve } from "../transport/NodeFront.ts"
import * as FailurePage from "../web/FailurePage.ts"
import * as Flags from "./Flags.ts"
import { checkFolder } from "./Folder.ts"
import { listenFlag } from "./ListenFlag.ts"
import * as LoadConfig from "./LoadConfig.ts"
import * as Output from "./Output.ts"
import { version } from "./Version.ts"

/** What `ptth fileserver` is told. */
export interface FileServerFlags {
  readonly folder: Option.Option<string>
  readonly listen: Option.Option<string>
  readonly fileServerRoot: Option.Option<string>
  readonly assetRoot: Option.Option<string>
}

/** How long running downloads may go on when it stops, in milliseconds. */
const graceMillis = 30_000

/** Serves until it is interrupted. */
export const runFileServer = Effect.fn("ptth fileserver")(function* (flags: FileServerFlags) {
  if (Option.isSome(flags.assetRoot)) yield* Effect.logInfo(Flags.assetRootNote)
  const listen = yield* listenFlag(flags.listen)
  const root = yield* checkFolder(
    Option.getOrElse(
      Option.orElse(flags.folder, () => flags.fileServerRoot),
      () => ".",
    ),
  )
  const handler = yield* FileServer.make({
    root,
    hiddenFiles: LoadConfig.places(LoadConfig.serverFile).map((file) => NodePath.resolve(file)),
  })
  return yield* Effect.scoped(
    Effect.gen(function* () {
      const address = yield* serve({
        ...listen,
        graceMillis,
        handler: ({ head, body }, reply) => handler(head, body, reply),
        renderFailure: FailurePage.render,
      })
      yield* Console.log(
        Output.screen(`PTTH file server ${version}`, [
          ["Open", `${Output.urlOf(address)}/`],
          ["Files", `${root} (read only)`],
        ]),
      )
      return yield* Effect.never
    }),
  )
})

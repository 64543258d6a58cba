/**
 * `ptth fileserver`: serves a folder directly on an address.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { usage } from "../../domain/config/ConfigError.ts"
import * as ServerConfig from "../../domain/config/ServerConfig.ts"
import { fileKeys } from "../../domain/config/ServerKeys.ts"
import { isLoopback } from "../../domain/ListenAddress.ts"
import { isPasswordHash } from "../../domain/PasswordHash.ts"
import { unmappedAddress, withVisitor } from "../../protocol/http/Forwarded.ts"
import { idleRequests } from "../../transport/body/IdleBody.ts"
import type { FrontHandler } from "../../transport/front/FrontRequest.ts"
import { keepingScripts, onlyOwnHosts } from "../../transport/front/HostCheck.ts"
import { defaultIdle, namingListen, serve } from "../../transport/front/NodeFront.ts"
import * as Deadlines from "../../transport/runtime/Deadlines.ts"
import * as FailurePage from "../../web/FailurePage.ts"
import * as RuntimeFolder from "../control/RuntimeFolder.ts"
import * as StatusSocket from "../control/StatusSocket.ts"
import * as Destination from "../serve/Destination.ts"
import * as AllowedHosts from "../shared/AllowedHosts.ts"
import type { FileServerFlags } from "../shared/FileServerFlags.ts"
import * as Flags from "../shared/Flags.ts"
import { listenFlag } from "../shared/ListenFlag.ts"
import * as Output from "../shared/Output.ts"
import { version } from "../shared/Version.ts"
import * as ViewChoice from "../terminal/ViewChoice.ts"
import { viewOptions } from "../text/OutputFlags.ts"

/** How long running downloads may go on after a signal, in milliseconds. */
const graceMillis = 30_000

const passwordVariable = "PTTH_FILESERVER_AUTH_PASSWORD"

const passwordFor = (user: string | undefined) => {
  if (user === undefined) return Effect.succeed(undefined)
  const text = process.env[passwordVariable] ?? ""
  return isPasswordHash(text)
    ? Effect.succeed(text)
    : Effect.fail(
        usage(
          "--auth",
          `${passwordVariable} does not contain the hash of a password`,
          "Set it to what `ptth hash-password` prints.",
        ),
      )
}

/** Fails if a flag is given that only has a meaning with --relay. */
const refuseRelayFlags = (flags: FileServerFlags) => {
  const refused = [
    ...(Option.isSome(flags.name) ? ["--name"] : []),
    ...(Option.isSome(flags.transport) ? ["--transport"] : []),
    ...(Option.isSome(flags.ca) ? ["--ca"] : []),
    ...(flags.noWait ? ["--no-wait"] : []),
    ...(flags.insecure ? ["--insecure"] : []),
  ]
  return refused[0] === undefined
    ? Effect.void
    : Effect.fail(usage(refused[0], "it needs --relay", "Add --relay, or leave it out."))
}

/** Serves until it is interrupted. One function, since each step of the start needs those before. */
export const runFileServer = Effect.fn("ptth fileserver")(function* (flags: FileServerFlags) {
  if (Option.isSome(flags.assetRoot)) yield* Effect.logInfo(Flags.assetRootNote)
  const user = Option.getOrUndefined(flags.auth)
  const password = yield* passwordFor(user)
  if (Option.isSome(flags.relay)) {
    const { runPaired } = yield* Effect.promise(() => import("./RunPaired.ts"))
    return yield* runPaired(flags.relay.value, { ...flags, password })
  }
  yield* refuseRelayFlags(flags)
  const listen = yield* listenFlag(flags.listen)
  const allowedHosts = yield* AllowedHosts.parse(flags.allowedHosts)
  const rules = yield* Effect.fromResult(
    ServerConfig.decodeSettings("", { overrides: Flags.overrides(fileKeys, flags.files) }),
  )
  return yield* Effect.scoped(
    Effect.gen(function* () {
      const destination = yield* Destination.make({
        folder: Option.getOrUndefined(Option.orElse(flags.folder, () => flags.fileServerRoot)),
        user,
        password,
        rules,
        hiddenFiles: [],
        realm: "PTTH file server",
      })
      const view = (yield* ViewChoice.make(yield* viewOptions)).serve("")
      const withIdleTimeout = idleRequests(
        view.watch(destination.handler),
        yield* Deadlines.make,
        defaultIdle,
      )
      const answer: FrontHandler = ({ address, head, body }, reply) => {
        // Guesses and uploads are limited by address: a visitor must not name another one.
        const headers = withVisitor(head.headers, address)
        return withIdleTimeout({ ...head, headers }, body, reply)
      }
      let hosts: ReadonlyArray<string> | undefined = allowedHosts ?? [listen.host.toLowerCase()]
      const address = yield* namingListen(
        serve({
          ...listen,
          graceMillis,
          handler: onlyOwnHosts(
            keepingScripts(answer, () => hosts),
            () => hosts,
          ),
          renderFailure: FailurePage.render,
        }),
      )
      // Only the socket tells where it listens: the flag may name a host or a file descriptor.
      if (allowedHosts === undefined && !isLoopback(unmappedAddress(address.host)))
        hosts = undefined
      const open = `${Output.urlOf(address)}/`
      view.setAddress(open)
      yield* Output.banner(
        Output.screen(`PTTH file server ${version}`, [
          ["Open", open],
          ...Destination.screenRows(destination),
        ]),
      )
      yield* StatusSocket.publish(
        RuntimeFolder.ofProcess(),
        Effect.succeed({
          kind: "fileserver",
          address: open,
          ...Destination.statusOf(destination),
        }),
      )
      if (flags.qr) yield* Output.printQr(open)
      return yield* Effect.never
    }),
  )
})

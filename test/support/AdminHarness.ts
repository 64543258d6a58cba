/**
 * A relay with its administrator's side, from a configuration file of its own
 * in a folder of its own, as `ptth relay` runs it.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as LoadConfig from "../../src/cli/shared/LoadConfig.ts"
import type { ConfigError } from "../../src/domain/config/ConfigError.ts"
import { Admin } from "../../src/relay/admin/Admin.ts"
import { cookieName } from "../../src/relay/admin/core/AdminLogin.ts"
import type { AuditEvent } from "../../src/relay/audit/AuditEvent.ts"
import { AuditLog } from "../../src/relay/audit/AuditLog.ts"
import { Relay } from "../../src/relay/Relay.ts"
import { RelaySettings } from "../../src/relay/settings/RelaySettings.ts"
import type { BindError } from "../../src/transport/front/NodeFront.ts"
import * as Harness from "./Harness.ts"
import { temporaryFolder } from "./temporaryFolder.ts"

/** The address of a listener. */
export interface At {
  readonly host: string
  readonly port: number
  readonly url: string
}

/** A relay that runs, and its administrator's side. */
export interface AdminRelay {
  readonly folder: string
  readonly relay: At
  readonly admin: At
  readonly newLink: Effect.Effect<string>
  /** Links that were printed because somebody asked for one. */
  readonly printed: ReadonlyArray<string>
  readonly events: () => ReadonlyArray<AuditEvent>
  readonly settings: RelaySettings["Service"]
  /** Logs in; the Cookie field of the session. */
  readonly logIn: Effect.Effect<string, Harness.VisitError>
}

const at = ({ host, port }: { readonly host: string; readonly port: number }): At => ({
  host,
  port,
  url: `http://${host}:${port}`,
})

/** Starts both on free ports. `text` is the configuration's besides; `logger` gets the log, which else nobody does. */
export const adminRelay: (
  text?: string,
  logger?: Logger.Logger<unknown, void>,
) => Effect.Effect<AdminRelay, BindError | ConfigError, Scope.Scope> = Effect.fnUntraced(function* (
  text = "",
  logger?: Logger.Logger<unknown, void>,
) {
  const folder = temporaryFolder()
  const file = path.join(folder, "ptth_relay.toml")
  fs.writeFileSync(file, `port = 0\nshutdown_grace = 0\n${text}`)
  const services = yield* Layer.build(NodeFileSystem.layer)
  const sources = { configPath: Option.some(file), overrides: [], env: {} }
  const load = LoadConfig.loadRelay(sources).pipe(
    Effect.map(({ config }) => config),
    Effect.provideService(FileSystem.FileSystem, Context.get(services, FileSystem.FileSystem)),
  )
  const printed: Array<string> = []
  const built = yield* Admin.layer({
    version: "0.0.0",
    announce: (link) => Effect.sync(() => printed.push(link)),
  }).pipe(
    Layer.provideMerge(Relay.layer),
    Layer.provideMerge(
      RelaySettings.layerWatched({
        path: file,
        serversFolder: LoadConfig.serversFolder(file),
        load,
        initial: yield* load,
      }),
    ),
    Layer.provide(Layer.succeedContext(services)),
    Layer.provide(Logger.layer(logger === undefined ? [] : [logger])),
    Layer.build,
  )
  const { address, newLink } = Context.get(built, Admin)
  if (address === undefined) return yield* Effect.die("the administrator's side is off")
  const admin = at(address)
  const link = Effect.map(newLink, (made) => made ?? "")
  return {
    folder,
    relay: at(Context.get(built, Relay)),
    admin,
    newLink: link,
    printed,
    settings: Context.get(built, RelaySettings),
    events: () =>
      Context.get(built, AuditLog)
        .entries()
        .map(({ event }) => event),
    logIn: Effect.gen(function* () {
      const secret = (yield* link).split("/").at(-1) ?? ""
      const { header } = yield* post(admin, "/login", { secret })
      return header("set-cookie")?.split(";", 1)[0] ?? `${cookieName}=none`
    }),
  }
})

/** Sends a form as a browser does from the page itself. */
export const post = (
  to: At,
  target: string,
  form: Readonly<Record<string, string>>,
  cookie?: string,
): Effect.Effect<Harness.Visited, Harness.VisitError> =>
  Harness.visit(to, target, {
    method: "POST",
    headers: [
      ["Origin", to.url],
      ["Sec-Fetch-Site", "same-origin"],
      ["Content-Type", "application/x-www-form-urlencoded"],
      ...(cookie === undefined ? [] : [["Cookie", cookie] as const]),
    ],
    body: new URLSearchParams(form).toString(),
  })

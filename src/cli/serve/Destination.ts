/**
 * The handler of a server: for a folder or for an application on a local
 * address, with or without a password.
 */
import * as NodePath from "node:path"
import * as Effect from "effect/Effect"
import * as FiberHandle from "effect/FiberHandle"
import type * as FileSystem from "effect/FileSystem"
import type * as Scope from "effect/Scope"
import { type ConfigError, single } from "../../domain/config/ConfigError.ts"
import type { ServerSettings } from "../../domain/config/ServerConfig.ts"
import { socketPathOf } from "../../domain/config/ServerKeys.ts"
import type { PasswordHash } from "../../domain/PasswordHash.ts"
import * as FileServer from "../../fileserver/FileServer.ts"
import * as ShareFile from "../../fileserver/shares/ShareFile.ts"
import * as RouteHandler from "../../server/RouteHandler.ts"
import * as Upstream from "../../server/upstream/Upstream.ts"
import { type Account, protect } from "../../transport/auth/BasicAuth.ts"
import type { Handler } from "../../transport/body/Handler.ts"
import * as HappyEyeballs from "../../transport/client/HappyEyeballs.ts"
import { Telemetry } from "../../transport/observe/Telemetry.ts"
import { trace } from "../../transport/observe/TracedHandler.ts"
import { loadAccess } from "../access/LoadAccess.ts"
import { loadTrusted } from "../shared/LoadCertificate.ts"
import * as LoadConfig from "../shared/LoadConfig.ts"
import * as UserPaths from "../shared/UserPaths.ts"
import { checkShared } from "./Folder.ts"
import * as OriginLog from "./OriginLog.ts"
import * as OriginProbe from "./OriginProbe.ts"

/** The settings of the file server. */
export type FileRules = Pick<
  ServerSettings,
  | "symlinks"
  | "hidden"
  | "dotfiles"
  | "trustedContent"
  | "precompressed"
  | "archives"
  | "shareLinks"
  | "thumbnailCacheMax"
  | "index"
  | "spa"
  | "uploads"
  | "uploadsFolders"
  | "uploadsOverwrite"
  | "uploadsMax"
  | "manage"
  | "manageFolders"
  | "users"
  | "tokens"
  | "visitors"
  | "usersFile"
>

const uploadsOf = (rules: FileRules | undefined): FileServer.FileServerOptions["uploads"] =>
  rules?.uploads === true && {
    overwrite: rules.uploadsOverwrite,
    folders: rules.uploadsFolders,
    maxBytes: rules.uploadsMax,
  }

const manageOf = (rules: FileRules | undefined): FileServer.FileServerOptions["manage"] =>
  rules?.manage === true && { folders: rules.manageFolders, maxBytes: rules.uploadsMax }

/** The application to which requests are forwarded, and how it is spoken to. */
export type OriginRules = Pick<ServerSettings, "to" | "hostHeader" | "toCa" | "toInsecure">

/** No application. */
export const noOrigin: OriginRules = {
  to: undefined,
  hostHeader: undefined,
  toCa: undefined,
  toInsecure: false,
}

/** What to serve. */
export interface DestinationOptions {
  /** By default none. */
  readonly origin?: OriginRules
  /** Paths that are forwarded to applications of their own; none by default. */
  readonly routes?: ReadonlyArray<OriginRules & { readonly path: string; readonly to: string }>
  /** The folder to serve without an origin; by default the working directory. */
  readonly folder: string | undefined
  /** By default those of the file server. */
  readonly rules?: FileRules
  /** Gives the name of the site for the pages of a folder; by default it is the folder's. */
  readonly title?: () => string
  readonly user: string | undefined
  readonly password: PasswordHash | undefined
  /** Files that are never served, in addition to the usual configurations. */
  readonly hiddenFiles: ReadonlyArray<string>
  readonly realm: string
  /** Called with what is wrong with the application at present; `undefined`: nothing is. */
  readonly onProblem?: ((problem: string | undefined) => void) | undefined
}

/** A handler, and the rows of the screen that say what it serves. */
export interface Destination {
  readonly handler: Handler
  readonly rows: ReadonlyArray<readonly [label: string, text: string]>
  /** Who has to sign in. */
  readonly signIn: string
}

const noSignIn = "none at this server"

/** The rows of the screen: what is served, and who has to sign in. */
export const screenRows = ({ rows, signIn }: Destination): Destination["rows"] => [
  ...rows,
  ["Sign-in", signIn],
]

/** What `ptth status` says of it. */
export const statusOf = ({ rows, signIn }: Destination) => ({
  serves: rows.map((row) => row.join(" ")),
  signIn,
})

/** The address of an application for the client; that of a unix socket has no host of its own. */
const addressOf = (to: string) => {
  const socketPath = socketPathOf(to)
  return socketPath === undefined
    ? { origin: new URL(to), socketPath }
    : { origin: new URL("http://localhost"), socketPath: NodePath.resolve(socketPath) }
}

/** Where an application listens, and what it is called in messages. */
const placeOf = (to: string): OriginProbe.OriginPlace => {
  const { origin, socketPath } = addressOf(to)
  return socketPath === undefined
    ? { ...HappyEyeballs.placeOf(origin), name: origin.host }
    : { path: socketPath, name: to }
}

/** A log of an application, which is asked whether it is there at the start and while it is not. */
const watchedOrigin = Effect.fnUntraced(function* (
  place: OriginProbe.OriginPlace,
  onProblem: (problem: string | undefined) => void,
) {
  const run = yield* FiberHandle.makeRuntime<never>()
  const ask = (): void => {
    run(OriginProbe.untilUp(place, log), { onlyIfMissing: true })
  }
  const log: OriginLog.OriginLog = yield* OriginLog.makeWith({ onProblem, onDown: ask })
  ask()
  return log
})

/** An application on a local address. */
const application = Effect.fnUntraced(function* (
  to: string,
  { hostHeader, toCa, toInsecure }: OriginRules,
  onProblem: (problem: string | undefined) => void = () => {},
): Effect.fn.Return<Destination, ConfigError, FileSystem.FileSystem | Scope.Scope> {
  const ca = toCa === undefined ? undefined : yield* loadTrusted(toCa, "to_ca")
  const log = yield* watchedOrigin(placeOf(to), onProblem)
  const upstream = yield* Effect.acquireRelease(
    Effect.sync(() =>
      Upstream.make({
        ...addressOf(to),
        onCut: log.cut,
        ca,
        insecure: toInsecure,
        ...(hostHeader === undefined ? {} : { hostHeader }),
      }),
    ),
    ({ close }) => Effect.sync(close),
  )
  const telemetry = yield* Telemetry
  const handler = trace(log.watch(upstream.handler), telemetry, { name: "origin", kind: "client" })
  return { handler, rows: [["To", to]], signIn: noSignIn }
})

/** The options of the file server that its settings give. */
const optionsOf = (rules: FileRules, root: string) => ({
  dotfiles: rules.dotfiles,
  symlinks: rules.symlinks,
  trustedContent: rules.trustedContent,
  precompressed: rules.precompressed,
  archives: rules.archives,
  index: rules.index,
  spa: rules.spa,
  shareLinks: rules.shareLinks ? ShareFile.of(root) : undefined,
  thumbCacheMax: rules.thumbnailCacheMax,
})

/** A folder, or a single file of it. */
const folder = Effect.fnUntraced(function* (
  path: string,
  rules: FileRules | undefined,
  hiddenFiles: ReadonlyArray<string>,
  title: (() => string) | undefined,
): Effect.fn.Return<
  Destination,
  ConfigError | FileServer.FileServerError,
  FileSystem.FileSystem | Scope.Scope
> {
  const { folder: root, only } = yield* checkShared(path)
  const uploads = uploadsOf(rules)
  const manage = manageOf(rules)
  if (only !== undefined && (uploads || manage)) {
    const flag = uploads ? "--uploads" : "--manage"
    return yield* single({
      code: "PTTH_USAGE",
      where: flag,
      detail: "a single file is shared, into which nothing can be uploaded",
      remedy: `Share a folder, or leave ${flag} out.`,
    })
  }
  const access = rules && (yield* loadAccess(rules))
  const handler = yield* FileServer.make({
    hidden: [...(rules?.hidden ?? []), ...UserPaths.keyPatterns(root, process.env)],
    ...(rules === undefined ? {} : optionsOf(rules, root)),
    ...(uploads === undefined ? {} : { uploads }),
    ...(manage === undefined ? {} : { manage }),
    ...(access === undefined ? {} : { access }),
    // Who shares a single file means it, whatever its name.
    ...(only === undefined ? {} : { only, dotfiles: true }),
    root,
    title: title ?? (NodePath.basename(NodePath.resolve(root)) || "files"),
    hiddenFiles: [
      ...hiddenFiles,
      ...UserPaths.keyFiles(process.env),
      ...LoadConfig.places(LoadConfig.serverFile),
      ...(rules?.usersFile === undefined ? [] : [rules.usersFile]),
    ].map((file) => NodePath.resolve(file)),
  })
  const allowed = access
    ? "for those who sign in"
    : manage
      ? "visitors may change everything"
      : uploads
        ? "visitors may upload"
        : "read only"
  const allows = rules?.shareLinks === true ? `${allowed}, share links` : allowed
  return {
    handler,
    rows: [
      only === undefined
        ? ["Files", `${root} (${allows})`]
        : ["File", `${NodePath.join(root, only)} (${allows})`],
    ],
    signIn: access === undefined ? noSignIn : "as the rules for users say",
  }
})

/** Makes the handler; its connections live as long as the Scope. */
export const make = Effect.fn("Destination.make")(function* (options: DestinationOptions) {
  const { origin = noOrigin, routes = [] } = options
  const main =
    origin.to === undefined
      ? yield* folder(options.folder ?? ".", options.rules, options.hiddenFiles, options.title)
      : yield* application(origin.to, origin, options.onProblem)
  const routed = yield* Effect.forEach(routes, (route) =>
    Effect.map(application(route.to, route), ({ handler }) => ({ path: route.path, handler })),
  )
  const destination: Destination = {
    handler: RouteHandler.make(routed, main.handler),
    rows: [...main.rows, ...routes.map(({ path, to }) => ["Route", `${path} to ${to}`] as const)],
    signIn: main.signIn,
  }
  const { password, realm, rules, user } = options
  if (user !== undefined && rules?.usersFile !== undefined) {
    return yield* single({
      code: "PTTH_USAGE",
      where: "--auth",
      detail: "there is --users-file as well",
      remedy: "Make that user one of `[[users]]` in the file.",
    })
  }
  if (user === undefined || password === undefined) return destination
  const account: Account = { user, password, realm }
  const protectedHandler = protect(destination.handler, account)
  const hasLinks = origin.to === undefined && options.rules?.shareLinks === true
  // Not by the routes: an application below `/share` keeps its sign-in.
  const handler: Handler = (head, body, reply) =>
    hasLinks && FileServer.needsNoSignIn(head.target)
      ? main.handler(head, body, reply)
      : protectedHandler(head, body, reply)
  return { ...destination, handler, signIn: `${user}, by a password` }
})

/**
 * The handler of a server: for a folder or for an application on a local
 * address, with or without a password.
 */
import * as NodePath from "node:path"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type * as Scope from "effect/Scope"
import { type ConfigError, single } from "../../domain/config/ConfigError.ts"
import type { ServerSettings } from "../../domain/config/ServerConfig.ts"
import type { PasswordHash } from "../../domain/PasswordHash.ts"
import * as FileServer from "../../fileserver/FileServer.ts"
import * as Upstream from "../../server/upstream/Upstream.ts"
import { type Account, protect } from "../../transport/auth/BasicAuth.ts"
import type { Handler } from "../../transport/body/Handler.ts"
import { Telemetry } from "../../transport/observe/Telemetry.ts"
import { trace } from "../../transport/observe/TracedHandler.ts"
import * as LoadConfig from "../shared/LoadConfig.ts"
import { checkShared } from "./Folder.ts"
import * as OriginLog from "./OriginLog.ts"

/** The settings of the file server. */
export type FileRules = Pick<
  ServerSettings,
  | "symlinks"
  | "hidden"
  | "dotfiles"
  | "trustedContent"
  | "precompressed"
  | "archives"
  | "index"
  | "spa"
  | "uploads"
  | "uploadsFolders"
  | "uploadsOverwrite"
  | "uploadsMax"
  | "manage"
  | "manageFolders"
>

const uploadsOf = (rules: FileRules | undefined): FileServer.FileServerOptions["uploads"] =>
  rules?.uploads === true && {
    overwrite: rules.uploadsOverwrite,
    folders: rules.uploadsFolders,
    maxBytes: rules.uploadsMax,
  }

const manageOf = (rules: FileRules | undefined): FileServer.FileServerOptions["manage"] =>
  rules?.manage === true && { folders: rules.manageFolders, maxBytes: rules.uploadsMax }

/** What to serve. */
export interface DestinationOptions {
  /** The origin to which requests are forwarded. */
  readonly to: string | undefined
  readonly hostHeader: string | undefined
  /** The folder to serve without an origin; by default the working directory. */
  readonly folder: string | undefined
  /** By default those of the file server. */
  readonly rules?: FileRules
  /** The name of the site on the pages of a folder; by default the folder's. */
  readonly title?: string
  readonly user: string | undefined
  readonly password: PasswordHash | undefined
  /** Files that are never served, in addition to the usual configurations. */
  readonly hiddenFiles: ReadonlyArray<string>
  readonly realm: string
}

/** A handler, and the row of the screen that says what it serves. */
export interface Destination {
  readonly handler: Handler
  readonly row: readonly [label: string, text: string]
}

/** An application on a local address. */
const application = Effect.fnUntraced(function* (
  to: string,
  hostHeader: string | undefined,
): Effect.fn.Return<Destination, never, Scope.Scope> {
  const origin = new URL(to)
  const log = yield* OriginLog.make
  const upstream = yield* Effect.acquireRelease(
    Effect.sync(() =>
      Upstream.make({
        origin,
        onCut: log.cut,
        ...(hostHeader === undefined ? {} : { hostHeader }),
      }),
    ),
    ({ close }) => Effect.sync(close),
  )
  const telemetry = yield* Telemetry
  const handler = trace(log.watch(upstream.handler), telemetry, { name: "origin", kind: "client" })
  return { handler, row: ["To", to] }
})

/** A folder, or a single file of it. */
const folder = Effect.fnUntraced(function* (
  path: string,
  rules: FileRules | undefined,
  hiddenFiles: ReadonlyArray<string>,
  title: string | undefined,
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
  const handler = yield* FileServer.make({
    ...(rules === undefined
      ? {}
      : {
          dotfiles: rules.dotfiles,
          hidden: rules.hidden,
          symlinks: rules.symlinks,
          trustedContent: rules.trustedContent,
          precompressed: rules.precompressed,
          archives: rules.archives,
          index: rules.index,
          spa: rules.spa,
        }),
    ...(uploads === undefined ? {} : { uploads }),
    ...(manage === undefined ? {} : { manage }),
    // Who shares a single file means it, whatever its name.
    ...(only === undefined ? {} : { only, dotfiles: true }),
    root,
    title: title ?? (NodePath.basename(NodePath.resolve(root)) || "files"),
    hiddenFiles: [...hiddenFiles, ...LoadConfig.places(LoadConfig.serverFile)].map((file) =>
      NodePath.resolve(file),
    ),
  })
  const access = manage
    ? "visitors may change everything"
    : uploads
      ? "visitors may upload"
      : "read only"
  return only === undefined
    ? { handler, row: ["Files", `${root} (${access})`] }
    : { handler, row: ["File", `${NodePath.join(root, only)} (${access})`] }
})

/** Makes the handler; its connections live as long as the Scope. */
export const make = Effect.fn("Destination.make")(function* (options: DestinationOptions) {
  const destination =
    options.to === undefined
      ? yield* folder(options.folder ?? ".", options.rules, options.hiddenFiles, options.title)
      : yield* application(options.to, options.hostHeader)
  const { password, realm, user } = options
  if (user === undefined || password === undefined) return destination
  const account: Account = { user, password, realm }
  return { ...destination, handler: protect(destination.handler, account) }
})

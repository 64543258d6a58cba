/**
 * The rules for uploads: which requests may upload, to which folders, and
 * under which names. A new rule is an entry in {@link requestRules} or
 * {@link fileRules}, and an option if it can be configured.
 */
import type * as fs from "node:fs"
import * as Glob from "effect/Glob"
import * as Headers from "../../domain/HeaderList.ts"
import * as Conditions from "../http/Conditions.ts"
import * as Decision from "../http/Decision.ts"
import * as PageAddress from "../http/PageAddress.ts"
import { type ByteName, toCanonicalText } from "../names/ByteName.ts"
import * as TargetPath from "../names/TargetPath.ts"
import type { HiddenFiles } from "../root/HiddenFiles.ts"
import * as Root from "../root/Root.ts"
import * as Refusal from "./Refusal.ts"
import * as UploadName from "./UploadName.ts"

/** The options for uploads. */
export interface UploadOptions {
  /** Whether a file may replace another. */
  readonly overwrite: boolean
  /** The largest file, in bytes. Default: no limit. */
  readonly maxBytes?: number | undefined
  /**
   * Patterns of the folders that files may be uploaded to, as paths below the
   * shared folder; `.` is the shared folder itself. Default: all folders.
   */
  readonly folders?: ReadonlyArray<string> | undefined
  /** Whether a visitor may upload to a folder, besides the patterns. Default: to every one. */
  readonly within?: ((folder: ReadonlyArray<ByteName>) => boolean) | undefined
}

/** The compiled options. */
export interface UploadRules {
  /** Whether a file may replace another in a folder. */
  readonly overwrites: (folder: ReadonlyArray<ByteName>) => boolean
  readonly maxBytes: number | undefined
  /** Whether files may be uploaded to a folder. */
  readonly allows: (folder: ReadonlyArray<ByteName>) => boolean
  /** Whether the files that a Mac writes beside others may be uploaded, which pages do not show. */
  readonly sidecars?: boolean
}

/** Whether a folder matches one of the patterns; without patterns all do. */
export const folderMatcher = ({
  folders,
  within = () => true,
}: Pick<UploadOptions, "folders" | "within">): ((folder: ReadonlyArray<ByteName>) => boolean) => {
  const patterns = folders?.map((folder) =>
    Glob.make(folder.normalize("NFC").replace(/^\/+|\/+$/g, ""), { dot: true }),
  )
  return (folder) => {
    const path = folder.length === 0 ? "." : toCanonicalText(folder.join("/"))
    const matches = patterns === undefined || patterns.some((glob) => Glob.match(glob, path))
    return matches && within(folder)
  }
}

/** In no folder. */
const nowhere = (): boolean => false

/**
 * Compiles the options.
 *
 * @param options `undefined` if there are uploads only where visitors may change everything
 * @param manage where visitors may change everything, and so upload and replace, too
 */
export const make = (
  options: UploadOptions | undefined,
  manage: Pick<UploadRules, "allows" | "maxBytes"> | undefined = undefined,
): UploadRules => {
  const takes = options === undefined ? nowhere : folderMatcher(options)
  const changes = manage?.allows ?? nowhere
  return {
    maxBytes: options?.maxBytes ?? manage?.maxBytes,
    allows: (folder) => takes(folder) || changes(folder),
    overwrites: (folder) => changes(folder) || (options?.overwrite === true && takes(folder)),
    sidecars: manage !== undefined,
  }
}

/** The methods of uploads. */
export const methods: ReadonlyArray<string> = ["POST", "PUT", "PATCH", "DELETE"]
/** The methods that are answered where uploads are allowed. */
export const allow = [Decision.allow, ...methods].join(", ")

/** A request that uploads files. */
export interface UploadRequest {
  readonly headers: Headers.HeaderList
  /** POST of a form to a folder; otherwise PUT of one file. */
  readonly isForm: boolean
  readonly target: TargetPath.TargetPath
  /** The folder that the files are for, relative to the shared folder. */
  readonly folder: ReadonlyArray<ByteName>
  /** The name of the file; `undefined` for a form. */
  readonly name: ByteName | undefined
}

/**
 * Whether a request was made by a page of this server or by no page at all:
 * browsers send Sec-Fetch-Site (Fetch Metadata) or at least Origin.
 */
export const isSameOrigin = (headers: Headers.HeaderList): boolean => {
  const site = Headers.all(headers, "sec-fetch-site")
  if (site.length > 0) return site.every((value) => value === "same-origin" || value === "none")
  const origins = Headers.all(headers, "origin")
  if (origins.length === 0) return true
  const host = PageAddress.hostOf(headers)
  return (
    host !== undefined &&
    origins.every((origin) => origin === `http://${host}` || origin === `https://${host}`)
  )
}

const isEncoded = (headers: Headers.HeaderList): boolean => {
  const coding = Headers.first(headers, "content-encoding")
  return coding !== undefined && coding.trim().toLowerCase() !== "identity"
}

const isFormData = (headers: Headers.HeaderList): boolean =>
  /^multipart\/form-data[\s;]/i.test(Headers.first(headers, "content-type") ?? "")

type RequestRule = (request: UploadRequest, rules: UploadRules) => Refusal.Refusal | false

/** Checked in this order before any of the body is read. */
const requestRules: ReadonlyArray<RequestRule> = [
  ({ isForm, target }) =>
    (target.segments[0] !== "files" || target.folder !== isForm) &&
    Refusal.wrongTarget(isForm, allow),
  ({ headers }) => !isSameOrigin(headers) && Refusal.otherSite,
  ({ headers }) => Headers.has(headers, "content-range") && Refusal.partial,
  ({ headers }) => isEncoded(headers) && Refusal.encoded,
  ({ folder }, rules) => !rules.allows(folder) && Refusal.folderNotAllowed,
  ({ isForm, name }) => !isForm && name === undefined && Refusal.noName,
  ({ headers, isForm }) => isForm && !isFormData(headers) && Refusal.notForm,
]

/** Why a request may not upload; `undefined` if it may. */
export const checkRequest = (
  request: UploadRequest,
  rules: UploadRules,
): Refusal.Refusal | undefined => {
  for (const rule of requestRules) {
    const refusal = rule(request, rules)
    if (refusal !== false) return refusal
  }
  return undefined
}

const windows = process.platform === "win32"

/** A file before its content is read. */
export interface PendingFile {
  readonly headers: Headers.HeaderList
  readonly name: ByteName
  /** The folder it goes to, which may be served. */
  readonly folder: Root.OpenFolder
  /** The file that has the name at the moment, not following a link. */
  readonly existing: fs.BigIntStats | undefined
  /** Whether that file may not be written. */
  readonly isProtected: boolean
  readonly root: Root.Root
  readonly hidden: HiddenFiles
}

const noIdentity = { dev: -1, ino: -1, ctimeMs: 0, birthtimeMs: 0 }

/** What has or is to get a name in a folder. */
type NamedEntry = Pick<PendingFile, "existing" | "folder" | "hidden" | "name" | "root">

const isVisible = ({ folder, name, root }: NamedEntry, sidecars: boolean): boolean => {
  if (!name.startsWith(".")) return TargetPath.isServed(name, windows) && folder.isVisible(name)
  // Other dotfiles cannot be uploaded even where they are served.
  return (
    sidecars && TargetPath.isSidecar(name) && !root.visibility.hidesEntry(folder.segments, name)
  )
}

/** Whether the file could be downloaded again and replaces no hidden file. */
const hasServedName = (entry: NamedEntry, sidecars: boolean): boolean => {
  const { existing, folder, hidden, name, root } = entry
  if (!isVisible(entry, sidecars)) return false
  const real = Root.realOf(folder, name)
  return !hidden.holds(real, existing ?? noIdentity) && !root.hides(real)
}

/** The preconditions of an upload, in lower case. */
export const preconditions: ReadonlySet<string> = new Set([
  "if-match",
  "if-none-match",
  "if-unmodified-since",
])

/** Whether the preconditions of a request hold for the file that has the name (RFC 9110 13). */
export const passesPreconditions = (
  headers: Headers.HeaderList,
  name: ByteName,
  existing: fs.BigIntStats | undefined,
): boolean => {
  const conditions = headers.filter(([field]) => preconditions.has(field.toLowerCase()))
  if (conditions.length === 0) return true
  if (existing === undefined) return !Headers.has(conditions, "if-match")
  const now = Date.now()
  const { validators } = Decision.ofFile(Decision.factsOf(name, existing), now)
  return Conditions.evaluate(conditions, validators, Math.floor(now / 1000)) === "proceed"
}

/**
 * Why nothing may have a name in a folder; `undefined` if something may. The
 * hidden files must have been refreshed.
 */
export const checkName = (entry: NamedEntry, sidecars = false): Refusal.Refusal | undefined => {
  const problem = UploadName.problemOf(entry.name)
  if (problem !== undefined) return Refusal.badName(entry.name, problem)
  return hasServedName(entry, sidecars) ? undefined : Refusal.notServed(entry.name)
}

type FileRule = (file: PendingFile, rules: UploadRules) => Refusal.Refusal | false

/** Checked in this order before the content of a file is read. */
const fileRules: ReadonlyArray<FileRule> = [
  (file, { sidecars }) => checkName(file, sidecars) ?? false,
  ({ existing, headers, name }, { maxBytes }) =>
    !passesPreconditions(headers, name, existing) &&
    Refusal.ofFile({ _tag: "Changed" }, name, maxBytes),
  ({ existing, folder, name }, { maxBytes, overwrites }) =>
    existing !== undefined &&
    (!overwrites(folder.segments) || !existing.isFile()) &&
    Refusal.ofFile({ _tag: "Exists" }, name, maxBytes),
  ({ isProtected, name }, { maxBytes }) =>
    isProtected && Refusal.ofFile({ _tag: "Protected" }, name, maxBytes),
]

/** Why a file may not be stored; `undefined` if it may. The hidden files must have been refreshed. */
export const checkFile = (file: PendingFile, rules: UploadRules): Refusal.Refusal | undefined => {
  for (const rule of fileRules) {
    const refusal = rule(file, rules)
    if (refusal !== false) return refusal
  }
  return undefined
}

/**
 * The live properties of WebDAV (RFC 4918 15, RFC 4331): what is known of a
 * file or folder, as XML.
 */
import * as fs from "node:fs"
import type * as Locks from "../change/Locks.ts"
import * as Decision from "../http/Decision.ts"
import * as EntityTag from "../http/EntityTag.ts"
import * as HttpDate from "../http/HttpDate.ts"
import { type ByteName, toFsPath, toText } from "../names/ByteName.ts"
import * as FileTypes from "../types/FileTypes.ts"
import * as MediaType from "../types/MediaType.ts"
import * as XmlTree from "./XmlTree.ts"

/** A file or folder. */
export interface Resource {
  /** Empty for the shared folder. */
  readonly segments: ReadonlyArray<ByteName>
  readonly folder: boolean
  readonly stats: fs.BigIntStats
  /** A path to it on disk. */
  readonly path: ByteName
  /** The locks that hold for it. */
  readonly locks: ReadonlyArray<Locks.Lock>
}

/** What properties depend on besides the resource. */
export interface View {
  /** The prefix of clients' addresses. */
  readonly prefix: string
  /** Milliseconds since 1970. */
  readonly now: number
}

const name = ({ segments }: Resource): string => toText(segments.at(-1) ?? "files")

const seconds = (nanoseconds: bigint): number => Number(nanoseconds / 1_000_000_000n)

/** The entity tag that GET sends. */
export const tagOf = (
  { segments, stats }: Pick<Resource, "segments" | "stats">,
  now: number,
): string => {
  const facts = Decision.factsOf(segments.at(-1) ?? "", stats)
  return EntityTag.format(Decision.ofFile(facts, now).validators.etag)
}

const lockEntry = (scope: string): string =>
  `<D:lockentry><D:lockscope><D:${scope}/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>`

/** A lock as a listing has it. */
export const activeLock = (
  { address, deep, owner, scope, seconds, token }: Locks.Lock,
  { prefix }: View,
): string =>
  `<D:activelock><D:locktype><D:write/></D:locktype><D:lockscope><D:${scope}/></D:lockscope>` +
  `<D:depth>${deep ? "infinity" : "0"}</D:depth>${owner}<D:timeout>Second-${seconds}</D:timeout>` +
  `<D:locktoken><D:href>${XmlTree.escapeText(token)}</D:href></D:locktoken>` +
  `<D:lockroot><D:href>${XmlTree.escapeText(prefix + address)}</D:href></D:lockroot></D:activelock>`

const quota = async (
  { path }: Resource,
  pick: (stats: fs.StatsFs) => number,
): Promise<string | undefined> => {
  try {
    return String(pick(await fs.promises.statfs(toFsPath(path))))
  } catch {
    return undefined
  }
}

/** The content of a property; `undefined` if the resource does not have it. */
type Property = (resource: Resource, view: View) => string | undefined | Promise<string | undefined>

const date = (time: number): string | undefined =>
  HttpDate.isWritable(time) ? HttpDate.format(time) : undefined

/** The properties in the answer when all are asked for. */
const usual: Readonly<Record<string, Property>> = {
  displayname: (resource) => XmlTree.escapeText(name(resource)),
  resourcetype: ({ folder }) => (folder ? "<D:collection/>" : ""),
  getcontentlength: ({ folder, stats }) => (folder ? undefined : String(stats.size)),
  getcontenttype: ({ folder, segments }) =>
    folder
      ? undefined
      : XmlTree.escapeText(MediaType.contentType(FileTypes.contentOf(segments.at(-1) ?? ""))),
  getetag: (resource, { now }) =>
    resource.folder ? undefined : XmlTree.escapeText(tagOf(resource, now)),
  getlastmodified: ({ stats }, { now }) =>
    date(Math.min(seconds(stats.mtimeNs), Math.floor(now / 1000))),
  creationdate: ({ stats }) => {
    const born = stats.birthtimeNs > 0n ? stats.birthtimeNs : stats.mtimeNs
    const time = seconds(born)
    return HttpDate.isWritable(time)
      ? new Date(time * 1000).toISOString().replace(".000", "")
      : undefined
  },
  supportedlock: () => lockEntry("exclusive") + lockEntry("shared"),
  lockdiscovery: ({ locks }, view) => locks.map((lock) => activeLock(lock, view)).join(""),
}

/** The others, which are in the answer only if they are asked for by name (RFC 4331 3 and 4). */
const others: Readonly<Record<string, Property>> = {
  "quota-available-bytes": (resource) =>
    resource.folder ? quota(resource, ({ bavail, bsize }) => bavail * bsize) : undefined,
  "quota-used-bytes": (resource) =>
    resource.folder
      ? quota(resource, ({ bfree, blocks, bsize }) => (blocks - bfree) * bsize)
      : undefined,
}

/** The names of the properties in the answer when all are asked for. */
export const names: ReadonlyArray<string> = Object.keys(usual)

const find = (name: string): Property | undefined =>
  Object.hasOwn(usual, name) ? usual[name] : Object.hasOwn(others, name) ? others[name] : undefined

/** Whether WebDAV gives a property of this name its value, so that no client may set it. */
export const isLive = (namespace: string, name: string): boolean =>
  namespace === XmlTree.dav && find(name) !== undefined

/** The content of a property as XML; `undefined` if there is none. */
export const read = async (
  name: string,
  resource: Resource,
  view: View,
): Promise<string | undefined> => find(name)?.(resource, view)

/**
 * PROPFIND (RFC 4918 9.1): the properties of a file or folder, of the entries
 * of a folder, or of everything below it.
 */
import * as fs from "node:fs"
import type * as Locks from "../change/Locks.ts"
import * as Properties from "../change/Properties.ts"
import { type ByteName, toFsPath } from "../names/ByteName.ts"
import * as TargetPath from "../names/TargetPath.ts"
import * as Folder from "../root/Folder.ts"
import type { HiddenFiles } from "../root/HiddenFiles.ts"
import * as Root from "../root/Root.ts"
import type { FolderWork } from "../send/FolderWork.ts"
import * as DavAddress from "./DavAddress.ts"
import * as LiveProperties from "./LiveProperties.ts"
import * as Multistatus from "./Multistatus.ts"
import * as XmlTree from "./XmlTree.ts"

/** See {@link Source.maxDeep}. */
const maxDeep = 5_000

/** The most properties that may be asked for by their names: each is given, or named as missing, for every entry. */
export const maxProperties = 256

/** A property by its name. */
interface PropertyName {
  readonly namespace: string
  readonly name: string
}

/** Which properties are asked for. */
export type Wanted =
  | { readonly _tag: "All"; readonly also: ReadonlyArray<PropertyName> }
  | { readonly _tag: "Names" }
  | { readonly _tag: "Some"; readonly properties: ReadonlyArray<PropertyName> }

/** Each property once. */
const distinct = (properties: ReadonlyArray<PropertyName>): ReadonlyArray<PropertyName> => [
  ...new Map(properties.map((property) => [keyOf(property), property])).values(),
]

/**
 * Parses the body of a request; an empty one asks for all (RFC 4918 9.1).
 * `undefined` if it is invalid, `too many` if it asks for more than {@link maxProperties}.
 */
export const parse = (body: Uint8Array): Wanted | "too many" | undefined => {
  const wanted = parsed(body)
  if (wanted === undefined || wanted._tag === "Names") return wanted
  const named = wanted._tag === "All" ? wanted.also : wanted.properties
  return named.length > maxProperties ? "too many" : wanted
}

const parsed = (body: Uint8Array): Wanted | undefined => {
  if (body.length === 0) return { _tag: "All", also: [] }
  const root = XmlTree.parse(body)
  if (root === undefined || !XmlTree.isDav(root, "propfind")) return undefined
  const some = XmlTree.child(root, "prop")
  const include = XmlTree.child(root, "include")
  if (XmlTree.child(root, "propname") !== undefined) return { _tag: "Names" }
  if (some !== undefined) return { _tag: "Some", properties: distinct(XmlTree.childrenOf(some)) }
  return XmlTree.child(root, "allprop") === undefined
    ? undefined
    : { _tag: "All", also: include === undefined ? [] : distinct(XmlTree.childrenOf(include)) }
}

/** Where resources are found. */
export interface Source {
  readonly root: Root.Root
  readonly hidden: HiddenFiles
  readonly locks: Locks.Locks
  /** Whether the files that a Mac writes beside others are listed. */
  readonly sidecars: boolean
  /** Limits how many folders are read at once, and the memory of lists. */
  readonly folderWork: FolderWork
  /** The most resources of a request of infinite depth. Default: 5,000. */
  readonly maxDeep?: number
}

/** The memory of a resource in a list, in bytes. */
export const resourceBytes = 800

/** A resource, and its dead properties. */
export interface Found {
  readonly resource: LiveProperties.Resource
  readonly dead: Properties.EntryProperties
}

const deadOf = (all: Properties.FolderProperties, name: ByteName): Properties.EntryProperties =>
  Object.hasOwn(all, name) ? (all[name] as Properties.EntryProperties) : {}

/**
 * The file or folder at a path. The folder stays open, for the entries in it.
 *
 * @param readsDead whether its dead properties are needed: their file may be large
 */
export const find = async (
  { locks, root }: Source,
  segments: ReadonlyArray<ByteName>,
  readsDead = true,
): Promise<(Found & { readonly opened: Root.OpenFolder | undefined }) | Root.NotOpen> => {
  const opened = await Root.openEntry(root, segments)
  if (opened._tag === "File") {
    Root.close(opened.handle)
    const above = await Root.openFolder(root, segments.slice(0, -1))
    if (above._tag !== "Folder") return above
    const name = segments.at(-1) ?? ""
    const all = readsDead ? await Properties.read(above) : {}
    Root.closeFolder(above)
    const real = Root.realOf(above, name)
    const path = root.pathOf(segments)
    const { stats } = opened
    return {
      resource: { segments, folder: false, stats, path, locks: locks.of(real) },
      dead: deadOf(all, name),
      opened: undefined,
    }
  }
  if (opened._tag !== "Folder") return opened
  const stats = await statOf(opened.path, true)
  if (stats === undefined) {
    Root.closeFolder(opened)
    return Root.absent
  }
  const path = root.pathOf(segments)
  return {
    resource: { segments, folder: true, stats, path, locks: locks.of(opened.real) },
    dead: readsDead ? deadOf(await Properties.read(opened), "") : {},
    opened,
  }
}

/** The entries of a folder that are served, with their properties. */
export const entriesOf = async (
  { hidden, locks, root, sidecars }: Source,
  folder: Root.OpenFolder,
  isCancelled: () => boolean,
): Promise<ReadonlyArray<Found> | Root.NotOpen> => {
  const names = await namesIn(folder, sidecars)
  if ("_tag" in names) return names
  const entries = await new Promise<ReadonlyArray<Folder.Entry>>((resolve) =>
    Folder.look(root, hidden, folder, names, isCancelled, (all) => resolve(Folder.sorted(all))),
  )
  const dead = await Properties.read(folder)
  const result: Array<Found> = []
  for (const { folder: isFolder, link, name } of entries) {
    if (isCancelled()) return result
    const path = `${folder.path}/${name}`
    const stats = await statOf(path, link === true)
    if (stats === undefined) continue
    result.push({
      resource: {
        segments: [...folder.segments, name],
        folder: isFolder,
        stats,
        path: root.pathOf([...folder.segments, name]),
        locks: locks.of(Root.realOf(folder, name)),
      },
      dead: isFolder ? deadOf(await Properties.read({ path }), "") : deadOf(dead, name),
    })
  }
  return result
}

/** The stats of an entry, or of what a link leads to; `undefined` if it is gone. */
const statOf = (path: ByteName, isLink: boolean): Promise<fs.BigIntStats | undefined> =>
  fs.promises[isLink ? "stat" : "lstat"](toFsPath(path), { bigint: true }).catch(() => undefined)

const namesIn = async (
  folder: Root.OpenFolder,
  sidecars: boolean,
): Promise<ReadonlyArray<ByteName> | Root.NotOpen> => {
  try {
    const all = await fs.promises.readdir(toFsPath(folder.path), { encoding: "latin1" })
    return all.filter((name) => folder.isVisible(name) || (sidecars && TargetPath.isSidecar(name)))
  } catch (error) {
    return Root.notOpen(error as NodeJS.ErrnoException)
  }
}

/** Everything below a folder and itself; `too many` if that is more than may be. */
export const everythingIn = async (
  source: Source,
  folder: Root.OpenFolder,
  isCancelled: () => boolean,
): Promise<ReadonlyArray<Found> | Root.NotOpen | "too many"> => {
  const most = source.maxDeep ?? maxDeep
  const result: Array<Found> = []
  const waiting: Array<ReadonlyArray<ByteName>> = []
  const first = await entriesOf(source, folder, isCancelled)
  if ("_tag" in first) return first
  const add = (entries: ReadonlyArray<Found>): void => {
    result.push(...entries)
    for (const { resource } of entries) if (resource.folder) waiting.push(resource.segments)
  }
  add(first)
  // Links inside may lead in circles, which the limit ends.
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    if (result.length >= most) return "too many"
    const opened = await Root.openFolder(source.root, next)
    // What cannot be read is listed, without what is in it.
    if (opened._tag !== "Folder") continue
    const entries = await entriesOf(source, opened, isCancelled)
    Root.closeFolder(opened)
    if (!("_tag" in entries)) add(entries)
  }
  return result.length >= most ? "too many" : result
}

const nameOfKey = (key: string): PropertyName => {
  const end = key.lastIndexOf("}")
  return { namespace: key.slice(1, end), name: key.slice(end + 1) }
}

/** The key of a dead property. */
export const keyOf = ({ name, namespace }: PropertyName): string => `{${namespace}}${name}`

const isUnusual = ({ name, namespace }: PropertyName): boolean =>
  namespace === XmlTree.dav && !LiveProperties.names.includes(name)

/** One resource as an element; `href` is its address, unless another one is given. */
export const render = async (
  { dead, resource }: Found,
  wanted: Wanted,
  view: LiveProperties.View,
  href = view.prefix + DavAddress.pathOf(resource.segments, resource.folder),
): Promise<string> => {
  if (wanted._tag === "Names") {
    const content = [
      ...LiveProperties.names.map((name) => Multistatus.nameOnly(XmlTree.dav, name)),
      ...Object.keys(dead).map((key) => {
        const { name, namespace } = nameOfKey(key)
        return Multistatus.nameOnly(namespace, name)
      }),
    ]
    return Multistatus.withProperties(href, [{ status: 200, content: content.join("") }])
  }
  const present: Array<string> = []
  const missing: Array<string> = []
  const add = async ({ name, namespace }: PropertyName): Promise<void> => {
    const key = keyOf({ name, namespace })
    const live =
      namespace === XmlTree.dav ? await LiveProperties.read(name, resource, view) : undefined
    if (live !== undefined) present.push(Multistatus.property(name, live))
    else if (Object.hasOwn(dead, key)) present.push(dead[key] as string)
    else missing.push(Multistatus.nameOnly(namespace, name))
  }
  if (wanted._tag === "All") {
    for (const name of LiveProperties.names) {
      const content = await LiveProperties.read(name, resource, view)
      if (content !== undefined) present.push(Multistatus.property(name, content))
    }
    present.push(...Object.values(dead))
  }
  for (const property of wanted._tag === "All" ? wanted.also.filter(isUnusual) : wanted.properties)
    await add(property)
  const groups = [{ status: 200, content: present.join("") }]
  if (missing.length > 0) groups.push({ status: 404, content: missing.join("") })
  return Multistatus.withProperties(
    href,
    groups.filter(({ content }, i) => content !== "" || (i === 0 && missing.length === 0)),
  )
}

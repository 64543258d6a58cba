/**
 * PROPPATCH (RFC 4918 9.2): sets and removes dead properties, all or none.
 */
import * as fs from "node:fs"
import type * as ChangeTarget from "../change/ChangeTarget.ts"
import type * as Located from "../change/Located.ts"
import type * as Properties from "../change/Properties.ts"
import * as HttpDate from "../http/HttpDate.ts"
import * as LiveProperties from "./LiveProperties.ts"
import * as Multistatus from "./Multistatus.ts"
import { keyOf } from "./Propfind.ts"
import * as XmlTree from "./XmlTree.ts"

/** One instruction. */
interface Update {
  readonly element: XmlTree.Element
  readonly how: "remove" | "set"
}

/** Parses the body of a request; `undefined` if it is invalid. */
export const parse = (body: Uint8Array): ReadonlyArray<Update> | undefined => {
  const root = XmlTree.parse(body)
  if (root === undefined || !XmlTree.isDav(root, "propertyupdate")) return undefined
  const updates = XmlTree.childrenOf(root).flatMap((instruction): ReadonlyArray<Update> => {
    const how = (["set", "remove"] as const).find((name) => XmlTree.isDav(instruction, name))
    const properties = XmlTree.child(instruction, "prop")
    return how === undefined || properties === undefined
      ? []
      : XmlTree.childrenOf(properties).map((element) => ({ element, how }))
  })
  return updates.length === 0 ? undefined : updates
}

const isProtected = ({ element: { name, namespace } }: Update): boolean =>
  LiveProperties.isLive(namespace, name)

const apply = (
  before: Properties.EntryProperties,
  updates: ReadonlyArray<Update>,
): Properties.EntryProperties => {
  const after = new Map(Object.entries(before))
  for (const { element, how } of updates) {
    const key = keyOf(element)
    if (how === "set") after.set(key, XmlTree.write(element))
    else after.delete(key)
  }
  return Object.fromEntries(after)
}

const microsoft = "urn:schemas-microsoft-com:"

/** Windows sets the time of a file that it has copied by a property. */
const setTime = async (
  { path, stats }: Located.Located,
  updates: ReadonlyArray<Update>,
): Promise<void> => {
  const time = updates.find(
    ({ element, how }) =>
      how === "set" && element.namespace === microsoft && element.name === "Win32LastModifiedTime",
  )
  const seconds =
    time === undefined || stats?.isFile() !== true
      ? undefined
      : HttpDate.parse(XmlTree.textOf(time.element).trim(), Math.floor(Date.now() / 1000))
  if (seconds !== undefined) await fs.promises.lutimes(path, seconds, seconds).catch(() => {})
}

/** Changes the properties of an entry; gives the groups of the response. */
export const change = async (
  to: ChangeTarget.ChangeTarget,
  entry: Located.Located,
  updates: ReadonlyArray<Update>,
): Promise<ReadonlyArray<Multistatus.PropertyGroup>> => {
  const names = (some: ReadonlyArray<Update>): string =>
    some.map(({ element }) => Multistatus.nameOnly(element.namespace, element.name)).join("")
  const refused = updates.filter(isProtected)
  if (refused.length > 0) {
    const others = updates.filter((update) => !isProtected(update))
    return [
      { status: 403, content: names(refused) },
      ...(others.length > 0 ? [{ status: 424, content: names(others) }] : []),
    ]
  }
  const isFolder = entry.stats?.isDirectory() === true
  const path = `${entry.folder.path}/${entry.name}`
  const [folder, name] = isFolder ? [{ path, real: entry.real }, ""] : [entry.folder, entry.name]
  const hasRoom = await to.properties.change(folder, name, (before) => apply(before, updates))
  if (hasRoom) await setTime(entry, updates)
  return [{ status: hasRoom ? 200 : 507, content: names(updates) }]
}

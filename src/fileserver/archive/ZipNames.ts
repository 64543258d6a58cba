/**
 * Paths in a zip archive, which have forward slashes only and no drive letter
 * (APPNOTE 4.4.17.1): unpackers on Windows would take a backslash for a
 * separator, and write files outside the folder that they unpack to.
 */
import type { ByteName } from "../names/ByteName.ts"
import type { Item } from "./ArchiveFormat.ts"

const illegal = /\\|^[A-Za-z]:/
const backslash = /\\/g
const drive = /^([A-Za-z]):/

/** The extension of a file's name, with its dot. */
const extension = /(?<=.)\.[^.]*$/s

/** The first of `a.txt`, `a (2).txt`, `a (3).txt` and so on that is not taken. */
const freePath = (
  folder: ByteName,
  name: ByteName,
  isFolder: boolean,
  usedPaths: ReadonlySet<ByteName>,
): ByteName => {
  const [end] = (isFolder ? undefined : extension.exec(name)) ?? [""]
  const start = name.slice(0, name.length - end.length)
  let path = folder + name
  for (let i = 2; usedPaths.has(path.toLowerCase()); i++) path = `${folder}${start} (${i})${end}`
  return path
}

/** The items with `_` in place of illegal characters; no two that differ have the same path, whatever their case. */
export const rename = <A extends Item>(items: ReadonlyArray<A>): ReadonlyArray<A> => {
  if (!items.some(({ path }) => illegal.test(path))) return items
  const usedPaths = new Set(
    items.filter(({ path }) => !illegal.test(path)).map(({ path }) => path.toLowerCase()),
  )
  const folders = new Map<ByteName, ByteName>()
  return items.map((item) => {
    if (!illegal.test(item.path)) return item
    const cut = item.path.lastIndexOf("/") + 1
    const folder = folders.get(item.path.slice(0, cut)) ?? item.path.slice(0, cut)
    const name = item.path.slice(cut).replace(backslash, "_")
    const path = freePath(
      folder,
      cut === 0 ? name.replace(drive, "$1_") : name,
      item.folder,
      usedPaths,
    )
    usedPaths.add(path.toLowerCase())
    if (item.folder) folders.set(`${item.path}/`, `${path}/`)
    return { ...item, path }
  })
}

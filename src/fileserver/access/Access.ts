/**
 * Who may do what: the rules of one visitor, by paths of folders below the
 * shared folder. A path counts for everything below it.
 */
import { type ByteName, fromText, toCanonicalText } from "../names/ByteName.ts"

/** The rules as they are written, with paths such as `/photos`; `/` is the shared folder. */
export interface AccessRule {
  /** What may be read. Default: everything. */
  readonly read?: ReadonlyArray<string> | undefined
  /** Where files may be uploaded. Default: where the file server takes uploads, as far as it may be read. */
  readonly upload?: ReadonlyArray<string> | undefined
  /** What may be changed, and so read. Default: what the file server lets visitors change, as far as it may be read. */
  readonly manage?: ReadonlyArray<string> | undefined
}

type Path = ReadonlyArray<ByteName>
type Test = (path: Path) => boolean

/** The compiled rules. */
export interface Access {
  /** Whether something is served. */
  readonly reads: Test
  /** Whether an upload may know of something: what is served, and what it may be stored in. */
  readonly knows: Test
  /** Whether everything in a folder may be read. */
  readonly readsAll: Test
  readonly uploads: Test | undefined
  readonly manages: Test | undefined
}

const segmentsOf = (text: string): Path =>
  text
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .map((part) => toCanonicalText(fromText(part)))

const isBelow = (path: Path, folder: Path): boolean =>
  path.length >= folder.length && folder.every((name, i) => name === path[i])

const canonical = (path: Path): Path => path.map(toCanonicalText)

/** Whether a path is one of the folders or below. */
const within = (folders: ReadonlyArray<Path>): Test => {
  if (folders.some((folder) => folder.length === 0)) return () => true
  return (path) => {
    const names = canonical(path)
    return folders.some((folder) => isBelow(names, folder))
  }
}

/** Whether a path is one of the folders, below, or on the way to it. */
const around = (folders: ReadonlyArray<Path>): Test => {
  if (folders.some((folder) => folder.length === 0)) return () => true
  return (path) => {
    const names = canonical(path)
    return folders.some((folder) => isBelow(names, folder) || isBelow(folder, names))
  }
}

/** Compiles the rules. */
export const make = (rule: AccessRule): Access => {
  const manage = rule.manage?.map(segmentsOf)
  const upload = rule.upload?.map(segmentsOf)
  const read = [...(rule.read?.map(segmentsOf) ?? [[]]), ...(manage ?? [])]
  const isRead = around(read)
  return {
    // A folder for uploads is shown, so that one gets there, and what is in it is not.
    reads: (path) => isRead(path) || leadsTo(path, upload ?? []),
    knows: around([...read, ...(upload ?? [])]),
    readsAll: within(read),
    uploads: upload && within(upload),
    manages: manage && within(manage),
  }
}

const leadsTo = (path: Path, folders: ReadonlyArray<Path>): boolean => {
  const names = canonical(path)
  return folders.some((folder) => isBelow(folder, names))
}

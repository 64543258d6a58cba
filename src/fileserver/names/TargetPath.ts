/**
 * Decodes and validates the path of a request target. It is decoded only here;
 * everything else uses the segments, so that no check can be evaded by another
 * encoding.
 */
import type { ByteName } from "./ByteName.ts"

/** A decoded target. */
export interface TargetPath {
  readonly _tag: "Path"
  /** Decoded. None is empty, `.` or `..`, contains `/` or NUL, or starts with a dot unless that is allowed. */
  readonly segments: ReadonlyArray<ByteName>
  /** Whether the path ends with a slash. `/` alone is a folder without segments. */
  readonly folder: boolean
  /** What follows the first `?`, not decoded; `undefined` without one. */
  readonly query: string | undefined
}

/** An invalid target: `400` if no client may send it, `404` if no file can have the name. */
export interface Refusal {
  readonly _tag: "Refusal"
  readonly status: 400 | 404
  readonly detail: string
}

const refusal = (status: 400 | 404, detail: string): Refusal => ({
  _tag: "Refusal",
  status,
  detail,
})

const illegal = /[^\x21-\x7e\x80-\xff]|#/
const encoded = /%([0-9A-Fa-f]{2})/g
/** The last segment of a path that names a folder (RFC 3986 5.2.4). */
const folderEnd = /^(?:\.|%2[Ee])?$/
const badEscape = /%(?![0-9A-Fa-f]{2})/
// Names that Windows reads as another: streams, devices, 8.3 aliases, trailing dots and spaces.
const windowsAlias =
  /[\\:*?"<>|]|[. ]$|~\d|^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9\xb9\xb2\xb3]|lpt[0-9\xb9\xb2\xb3])(?:\.|$)/i

/** Prefix of the temporary names of uploads. */
export const temporaryPrefix = ".ptth-upload-"
/** The file with the WebDAV properties of a folder. */
export const propertiesName = ".ptth-properties"
/** The folder of what was deleted, in the shared folder. */
export const binName = ".ptth-trash"

// File systems of a Mac and of Windows take names in any case for the same.
const isReserved = (name: ByteName): boolean => /^\.ptth-(?:upload-|properties|trash)/i.test(name)

/** Files that a Mac writes beside others where it cannot store what belongs to them. */
const sidecar = /^(?:\._.+|\.DS_Store)$/s

/** Whether a Mac gives such a name to what belongs to another file. */
export const isSidecar = (name: ByteName): boolean => sidecar.test(name)

/**
 * Which names that begin with a dot are served: none, all, or those that a Mac
 * writes beside others.
 */
export type Dotfiles = boolean | "sidecars"

const isDotfileServed = (name: ByteName, dotfiles: Dotfiles): boolean =>
  dotfiles === "sidecars" ? isSidecar(name) : dotfiles && !isReserved(name)

/** Whether a file of this name may be served: no temporary files, dotfiles only if allowed, no names that Windows reads as another. */
export const isServed = (name: ByteName, windows: boolean, dotfiles: Dotfiles = false): boolean =>
  (!name.startsWith(".") || isDotfileServed(name, dotfiles)) &&
  !(windows && windowsAlias.test(name))

/** The folder of a site whose addresses are laid down for every site (RFC 8615). */
const wellKnown = ".well-known"

/** Whether a segment is that folder of the site: at the top, or below `files/`. */
const isWellKnown = (segment: ByteName, above: ReadonlyArray<ByteName>): boolean =>
  segment === wellKnown && (above.length === 0 || (above.length === 1 && above[0] === "files"))

/**
 * Decodes a request target.
 *
 * @param target as sent: a byte string that starts with `/`
 * @param windows whether the rules of Windows for names apply
 * @param dotfiles whether names may begin with a dot
 * @param isSite whether the shared folder is a site, whose `.well-known` is served in any case
 */
export const decode = (
  target: string,
  windows = false,
  dotfiles: Dotfiles = false,
  isSite = false,
): TargetPath | Refusal => {
  const mark = target.indexOf("?")
  const path = mark < 0 ? target : target.slice(0, mark)
  const query = mark < 0 ? undefined : target.slice(mark + 1)
  if (!path.startsWith("/")) return refusal(400, "The address does not start with a slash.")
  // Browsers treat a backslash in a path as a slash.
  if (illegal.test(target) || path.includes("\\")) {
    return refusal(400, "The address has a character that must be percent-encoded.")
  }
  if (badEscape.test(path)) return refusal(400, "The address has an invalid percent-encoding.")
  const segments: Array<ByteName> = []
  const raw = path.slice(1).split("/")
  for (const part of raw) {
    const segment = part.includes("%") ? part.replace(encoded, byteOf) : part
    // RFC 3986 5.2.4 removes `.`; empty segments are removed as by other servers.
    if (segment === "" || segment === ".") continue
    // A client that means the folder above has removed `..` itself: what is left may be an attack.
    if (segment === "..") return refusal(400, "The address has a segment `..`.")
    if (segment.includes("/") || segment.includes("\0")) {
      return refusal(400, "The address has an encoded character that no file name can contain.")
    }
    if (!isServed(segment, windows, dotfiles) && !(isSite && isWellKnown(segment, segments)))
      return refusal(404, "Files of this name are not served.")
    segments.push(segment)
  }
  return { _tag: "Path", segments, folder: folderEnd.test(raw.at(-1) as string), query }
}

const byteOf = (_: string, digits: string): string =>
  String.fromCharCode(Number.parseInt(digits, 16))

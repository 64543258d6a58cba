/**
 * What path a request target names, or why it names none. It is decoded once,
 * here, and everything after this works on the segments: there is no second
 * spelling for a guard to miss.
 */
import type { ByteName } from "./ByteName.ts"

/** A decoded target. */
export interface TargetPath {
  readonly _tag: "Path"
  /** The segments, decoded: none is empty, `.` or `..`, holds `/` or NUL, or, unless that is allowed, starts with a dot. */
  readonly segments: ReadonlyArray<ByteName>
  /** Whether the path ended with a slash. `/` alone is a folder without segments. */
  readonly folder: boolean
  /** What follows the first `?`, as it was sent; `undefined` without one. */
  readonly query: string | undefined
}

/** Why a target names nothing: `400` no client may send it, `404` it cannot be the name of anything here. */
export interface Refusal {
  readonly _tag: "Refusal"
  readonly status: 400 | 404
  readonly detail: string
}

const refuse = (status: 400 | 404, detail: string): Refusal => ({ _tag: "Refusal", status, detail })

const illegal = /[^\x21-\x7e\x80-\xff]|#/
const encoded = /%([0-9A-Fa-f]{2})/g
const badEscape = /%(?![0-9A-Fa-f]{2})/
// Names that Windows reads as something else: streams, devices, 8.3 aliases, dropped endings.
const windowsAlias =
  /[\\:*?"<>|]|[. ]$|~\d|^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9\xb9\xb2\xb3]|lpt[0-9\xb9\xb2\xb3])(?:\.|$)/i

/** What the names of files begin with that are still being uploaded. */
export const temporaryPrefix = ".ptth-upload-"

/** Whether a file of this name can be asked for: dotfiles cannot unless that is allowed, nor what Windows reads as another name. */
export const isServed = (name: ByteName, windows: boolean, dotfiles = false): boolean =>
  (dotfiles ? !name.startsWith(temporaryPrefix) : !name.startsWith(".")) &&
  !(windows && windowsAlias.test(name))

/**
 * Decodes a request target.
 *
 * @param target as sent: a byte string that starts with `/`
 * @param windows whether names are looked up under Windows' rules
 * @param dotfiles whether names may begin with a dot
 */
export const decode = (target: string, windows = false, dotfiles = false): TargetPath | Refusal => {
  const mark = target.indexOf("?")
  const path = mark < 0 ? target : target.slice(0, mark)
  const query = mark < 0 ? undefined : target.slice(mark + 1)
  if (!path.startsWith("/")) return refuse(400, "The address does not start with a slash.")
  // Browsers read a backslash in a path as a slash.
  if (illegal.test(target) || path.includes("\\")) {
    return refuse(400, "The address has a character that must be percent-encoded.")
  }
  if (badEscape.test(path)) return refuse(400, "The address has a broken percent-encoding.")
  if (path === "/") return { _tag: "Path", segments: [], folder: true, query }
  const segments = path.slice(1).split("/")
  const folder = segments.at(-1) === ""
  if (folder) segments.pop()
  for (let i = 0; i < segments.length; i++) {
    const raw = segments[i] as string
    const segment = raw.includes("%")
      ? raw.replace(encoded, (_, digits: string) =>
          String.fromCharCode(Number.parseInt(digits, 16)),
        )
      : raw
    if (segment === "") return refuse(404, "The address has an empty segment.")
    if (segment === "." || segment === "..") {
      return refuse(400, "The address has a segment that stands for another folder.")
    }
    if (segment.includes("/") || segment.includes("\0")) {
      return refuse(400, "The address has an encoded character that no name can have.")
    }
    if (!isServed(segment, windows, dotfiles))
      return refuse(404, "Files of this name are not served.")
    segments[i] = segment
  }
  return { _tag: "Path", segments, folder, query }
}

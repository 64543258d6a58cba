/**
 * Takes a URI reference apart (RFC 3986 4.2) and moves its path, without
 * changing any other character. Only references that begin with a slash or name
 * a host of `http` or `https` have a path that can be moved; relative ones lead
 * to the right place wherever they are read.
 */

/** A scheme and its authority, as in the address bar of a browser. */
export interface Host {
  readonly proto: "http" | "https"
  /** Host and port, without a user. */
  readonly host: string
}

/** A reference of which the path can be moved. */
export interface Reference {
  /** Scheme, slashes and authority as they are written; empty if it names no host. */
  readonly start: string
  /** `undefined` for the scheme of the page. */
  readonly proto: Host["proto"] | undefined
  /** Host and port as they are written, without a user; `undefined` for the host of the page. */
  readonly host: string | undefined
  /** Path, query and fragment. The path begins with a slash and has no dot segments. */
  readonly path: string
}

const hostPattern = /^(?:(https?):)?\/\/([^/?#\\]+)(?![^/?#])/i

/** The segments `.` and `..` as browsers know them: percent-encoded, and between backslashes too. */
const dotSegment = /[/\\](?:\.|%2e){1,2}(?![^/\\])/i

/** A path, perhaps behind the scheme of the page, which browsers then ignore (URL, "relative slash state"). */
const pathPattern = /^(?:https?:)?[/\\](?![/\\])/i

/**
 * The parts of a reference; `undefined` if it is relative, has another scheme or
 * is malformed. Browsers ignore tabs, so they are removed first, and take a
 * backslash for a slash.
 */
export const parse = (text: string): Reference | undefined => {
  const reference = text.includes("\t") ? text.replaceAll("\t", "") : text
  const [start, scheme, authority] = hostPattern.exec(reference) ?? []
  if (start === undefined || authority === undefined) {
    const [before] = pathPattern.exec(reference) ?? []
    if (before === undefined) return undefined
    const path = `/${reference.slice(before.length)}`
    return { start: "", proto: undefined, host: undefined, path: withoutDots(path) }
  }
  const rest = reference.slice(start.length)
  return {
    start,
    proto: scheme?.toLowerCase() as Host["proto"] | undefined,
    host: authority.slice(authority.lastIndexOf("@") + 1),
    path: withoutDots(rest.startsWith("/") ? rest : `/${rest}`),
  }
}

/** A reference without its query and fragment. */
export const withoutQuery = (reference: string): string => /^[^?#]*/.exec(reference)?.[0] ?? ""

/** Removes dot segments (RFC 3986 5.2.4), so that a prefix before the path cannot be left by them. */
const withoutDots = (path: string): string => {
  const before = withoutQuery(path)
  if (!dotSegment.test(before)) return path
  const segments: Array<string> = []
  let isFolder = false
  for (const segment of before.split(/[/\\]/).slice(1)) {
    const name = segment.replaceAll(/%2e/gi, ".")
    isFolder = name === "." || name === ".."
    if (name === "..") segments.pop()
    else if (!isFolder) segments.push(segment)
  }
  if (isFolder) segments.push("")
  return `/${segments.join("/")}${path.slice(before.length)}`
}

/** Host and port in one spelling: lower case, no dot at the end, no default port, addresses as the URL standard writes them. */
const canonical = (proto: Host["proto"], host: string): string | undefined =>
  URL.parse(`${proto}://${host}`)?.host.replace(/\.(?=:|$)/, "")

/**
 * Whether a reference names this host. The port has to agree, or to be the
 * default of the scheme it stands with: an application need not know that a
 * proxy in front of it speaks TLS.
 */
export const isOn = (reference: Reference, own: Host): boolean => {
  const { host, proto } = reference
  if (host === undefined || host.toLowerCase() === own.host.toLowerCase()) return true
  const spelled = canonical(proto ?? own.proto, host)
  return spelled !== undefined && spelled === canonical(own.proto, own.host)
}

/** Whether a path is `base` or below it. */
export const isBelow = (path: string, base: string): boolean =>
  path.startsWith(base) && (path.length === base.length || "/?#".includes(path[base.length] ?? ""))

const unreserved = /^[\w.~-]$/

/** A path in one spelling: characters that need no percent-encoding have none (RFC 3986 6.2.2.2). */
export const plain = (path: string): string =>
  path.replace(/%[\da-f]{2}/gi, (code) => {
    const character = String.fromCharCode(Number.parseInt(code.slice(1), 16))
    return unreserved.test(character) ? character : code.toUpperCase()
  })

/** The start of a path that is `base` in some spelling; `undefined` if the path is not below it. */
export const startOf = (path: string, base: string): string | undefined => {
  if (isBelow(path, base)) return base
  const depth = base.split("/").length - 1
  const [start] = new RegExp(`^(?:/[^/?#]*){${depth}}`).exec(path) ?? []
  return start !== undefined && plain(start) === plain(base) ? start : undefined
}

/** A path with `base` before it, unless it is below that already. */
export const below = (path: string, base: string): string =>
  isBelow(path, base) ? path : base + path

/** A path below `from`, below `to` instead. Neither ends with a slash. */
export const rebase = (path: string, from: string, to: string): string => {
  const moved = to + path.slice(from.length)
  return moved.startsWith("/") ? moved : `/${moved}`
}

/** Whether browsers would read a path as a host: it begins with two slashes, either of which may be a backslash. */
export const looksLikeHost = (path: string): boolean => /^\/[/\\]/.test(path)

/**
 * Scheme, authority and path as one reference. A path that begins with two
 * slashes would be read as a host, so the host is put before it.
 */
export const join = (start: string, path: string, { host, proto }: Host): string =>
  start === "" && looksLikeHost(path) ? `${proto}://${host}${path}` : start + path

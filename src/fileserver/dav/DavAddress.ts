/**
 * Addresses in the bodies and fields of WebDAV: absolute paths as clients see
 * them, also below a prefix that somebody in between takes off.
 */
import type * as Headers from "../../domain/HeaderList.ts"
import * as UriReference from "../../protocol/address/UriReference.ts"
import * as PageAddress from "../http/PageAddress.ts"
import { type ByteName, toUrl } from "../names/ByteName.ts"
import * as TargetPath from "../names/TargetPath.ts"

const windows = process.platform === "win32"

/** The address of something below the shared folder, without the prefix. */
export const pathOf = (segments: ReadonlyArray<ByteName>, folder: boolean): string =>
  `/files/${segments.map(toUrl).join("/")}${folder && segments.length > 0 ? "/" : ""}`

/** A path below the shared folder that a field names; `elsewhere` on another host or outside the files. */
export const resolve = (
  value: string,
  headers: Headers.HeaderList,
): TargetPath.TargetPath | TargetPath.Refusal | "elsewhere" => {
  const reference = UriReference.parse(value)
  if (reference === undefined) return "elsewhere"
  const host = PageAddress.hostOf(headers)
  if (reference.host !== undefined && !isSameHost(reference.host, host)) return "elsewhere"
  const prefix = PageAddress.prefixOf(headers)
  // The relay takes its prefix off such fields as well; other proxies do not.
  const path = reference.path.startsWith(`${prefix}/files/`)
    ? reference.path.slice(prefix.length)
    : reference.path
  const target = TargetPath.decode(path, windows, "sidecars")
  return target._tag === "Path" && target.segments[0] !== "files" ? "elsewhere" : target
}

/** Whether the names are those of one host; ports differ behind some proxies. */
const isSameHost = (named: string, host: string | undefined): boolean =>
  host !== undefined && withoutPort(named) === withoutPort(host)

const withoutPort = (host: string): string => host.replace(/:\d*$/, "").toLowerCase()

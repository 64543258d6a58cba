/**
 * What kind of thing a file is, going by its name.
 */
import * as Mime from "effect/http/Mime"
import * as Option from "effect/Option"
import { type ByteName, toText } from "../names/ByteName.ts"

/** The media type of bytes of which nothing is known. */
export const unknown = "application/octet-stream"

const plain = "text/plain"

// What the standard table lacks, or gives to a format that nobody serves.
const own = new Map<string, string>([
  ["7z", "application/x-7z-compressed"],
  ["flac", "audio/flac"],
  ["ico", "image/vnd.microsoft.icon"],
  ["jsonl", "application/jsonl"],
  ["mkv", "video/matroska"],
  ["tar", "application/x-tar"],
  ["xz", "application/x-xz"],
])
const source =
  "bash c cc cfg clj cpp cs diff env ex exs fish go h hpp hs java jl kt lock lua mk ml nix patch php pl properties ps1 py r rb rs scala sh swift tsx vue zig zsh"
for (const extension of source.split(" ")) own.set(extension, plain)

const ownNames = new Set(
  "authors changelog changes contributing copying dockerfile install justfile license makefile news notice readme todo version".split(
    " ",
  ),
)

/** The media type, without parameters, of a file of this name. */
export const ofName = (name: ByteName): string => {
  const dot = name.lastIndexOf(".")
  if (dot < 0) return ownNames.has(name.toLowerCase()) ? plain : unknown
  const known = own.get(name.slice(dot + 1).toLowerCase())
  return known ?? Option.getOrElse(Mime.getType(`/${toText(name)}`), () => unknown)
}

/** The Content-Type of a media type: text is said to be UTF-8. */
export const header = (type: string): string =>
  type.startsWith("text/") ? `${type}; charset=utf-8` : type

/** Whether a browser may run scripts out of a document of this type. */
export const isActive = (type: string): boolean =>
  type === "text/html" ||
  type === "text/xml" ||
  type === "text/xsl" ||
  type === "text/mathml" ||
  type === "application/xml" ||
  type === "application/xml-dtd" ||
  type === "multipart/related" ||
  type === "message/rfc822" ||
  type.endsWith("+xml")

const compressible =
  /^(?:text\/.*|.*\+(?:json|xml|text)|application\/(?:javascript|json|jsonl|ld\+json|manifest\+json|sql|toml|wasm|x-(?:httpd-php|javascript|ndjson|sh|subrip|tex|yaml)|xml|xml-dtd|yaml)|font\/(?:otf|ttf)|image\/(?:bmp|vnd\.microsoft\.icon))$/

/** Whether files of this type become much smaller by compression. */
export const isCompressible = (type: string): boolean => compressible.test(type)

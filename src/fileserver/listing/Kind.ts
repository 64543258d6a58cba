/**
 * What a file is to a person: an image, a film, something to read. It decides
 * the icon in a listing and how the file is shown.
 */

import * as ContentType from "../http/ContentType.ts"
import type { ByteName } from "../names/ByteName.ts"

/** See {@link labels}. */
export type Kind =
  | "folder"
  | "image"
  | "video"
  | "audio"
  | "markdown"
  | "code"
  | "text"
  | "pdf"
  | "archive"
  | "file"

/** What each kind is called. */
export const labels: Readonly<Record<Kind, string>> = {
  folder: "Folder",
  image: "Image",
  video: "Video",
  audio: "Audio",
  markdown: "Document",
  code: "Code",
  text: "Text",
  pdf: "PDF",
  archive: "Archive",
  file: "File",
}

const archives =
  /^application\/(?:zip|gzip|x-(?:tar|7z-compressed|xz|bzip2?|rar(?:-compressed)?|gtar)|vnd\.rar|zstd|java-archive)$/
const codeTypes =
  /^(?:application\/(?:(?:.+\+)?(?:json|xml)|jsonl|json5|javascript|ecmascript|toml|yaml|x-(?:sh|perl|yaml|httpd-php|tcl|python|ruby)|sql|graphql|typescript|wasm-text)|text\/(?:html|css|xml|javascript|x-.+|yaml|jsx|coffeescript|less|stylus|mathml))$/
const codeNames =
  /(?:^|\.)(?:bash|c|cc|cfg|clj|cpp|cs|diff|env|ex|exs|fish|go|h|hpp|hs|ini|java|jl|kt|lua|m?js|cjs|jsx|mk|mts|cts|tsx?|ml|nix|patch|php|pl|properties|ps1|py|r|rb|rs|scala|sh|sql|swift|toml|vue|ya?ml|zig|zsh|dockerfile|makefile|justfile)$/i
// Some of these names have other meanings in the table of media types, as .ts has.
const certainlyCode = /\.(?:tsx?|mts|cts|rs|toml|ya?ml)$/i

/** The kind of a file of this name. */
export const ofName = (name: ByteName): Exclude<Kind, "folder"> => {
  if (certainlyCode.test(name)) return "code"
  const type = ContentType.ofName(name)
  if (type.startsWith("image/")) return "image"
  if (type.startsWith("video/")) return "video"
  if (type.startsWith("audio/")) return "audio"
  if (type === "text/markdown") return "markdown"
  if (type === "application/pdf") return "pdf"
  if (archives.test(type)) return "archive"
  if (codeTypes.test(type) || codeNames.test(name)) return "code"
  if (type.startsWith("text/")) return "text"
  return "file"
}

/** The kind of an entry. */
export const of = (entry: { readonly name: ByteName; readonly folder: boolean }): Kind =>
  entry.folder ? "folder" : ofName(entry.name)

/** Whether there is a page that shows files of this kind. */
export const isViewable = (kind: Kind): boolean =>
  kind !== "folder" && kind !== "archive" && kind !== "file"

/** Whether a file of this kind is read to be shown. */
export const isText = (kind: Kind): boolean =>
  kind === "markdown" || kind === "code" || kind === "text"

/**
 * File types by name: media type, kind and highlighting. A new file type is
 * one row of the table here.
 */
import * as Mime from "effect/http/Mime"
import * as Option from "effect/Option"
import { type ByteName, toText } from "../names/ByteName.ts"
import type { Kind } from "./Kind.ts"
import * as MediaType from "./MediaType.ts"

type FileKind = Exclude<Kind, "folder">

interface Row {
  /** File name extensions without the dot, in lower case, separated by spaces. */
  readonly extensions?: string
  /** Whole file names, in lower case, of files without an extension. */
  readonly names?: string
  readonly kind: FileKind
  /** Without parameters; the standard type of the extension unless given. */
  readonly mediaType?: string
  /** The highlighter's name of the language; the extension unless given. */
  readonly language?: string
}

const plain = "text/plain"

/**
 * File types that the standard table of media types lacks, gives to a format
 * that nobody serves (`ts`), or whose kind does not follow from the media type.
 */
const table: ReadonlyArray<Row> = [
  { kind: "archive", extensions: "7z", mediaType: "application/x-7z-compressed" },
  { kind: "archive", extensions: "tar", mediaType: "application/x-tar" },
  { kind: "archive", extensions: "xz", mediaType: "application/x-xz" },
  { kind: "audio", extensions: "flac", mediaType: "audio/flac" },
  { kind: "image", extensions: "ico", mediaType: "image/vnd.microsoft.icon" },
  { kind: "video", extensions: "mkv", mediaType: "video/matroska" },

  { kind: "markdown", extensions: "mdown mkd", mediaType: "text/markdown" },
  { kind: "text", extensions: "lock", mediaType: plain },
  {
    kind: "text",
    names:
      "authors changelog changes contributing copying install license news notice readme todo version",
    mediaType: plain,
  },

  { kind: "code", extensions: "bash sh zsh", mediaType: plain, language: "bash" },
  { kind: "code", extensions: "c h", mediaType: plain, language: "c" },
  { kind: "code", extensions: "cc cpp hpp", mediaType: plain, language: "cpp" },
  { kind: "code", extensions: "cs", mediaType: plain, language: "csharp" },
  { kind: "code", extensions: "diff patch", mediaType: plain, language: "diff" },
  { kind: "code", extensions: "go", mediaType: plain, language: "go" },
  { kind: "code", extensions: "ini", language: "ini" },
  { kind: "code", extensions: "java", mediaType: plain, language: "java" },
  { kind: "code", extensions: "jsonl", mediaType: "application/jsonl", language: "json" },
  { kind: "code", extensions: "cjs", language: "javascript" },
  { kind: "code", extensions: "kt", mediaType: plain, language: "kotlin" },
  { kind: "code", extensions: "lua", mediaType: plain, language: "lua" },
  {
    kind: "code",
    extensions: "makefile mk",
    names: "makefile",
    mediaType: plain,
    language: "makefile",
  },
  { kind: "code", extensions: "php", mediaType: plain, language: "php" },
  { kind: "code", extensions: "pl", mediaType: plain, language: "perl" },
  { kind: "code", extensions: "py", mediaType: plain, language: "python" },
  { kind: "code", extensions: "r", mediaType: plain, language: "r" },
  { kind: "code", extensions: "rb", mediaType: plain, language: "ruby" },
  { kind: "code", extensions: "rs", mediaType: plain, language: "rust" },
  { kind: "code", extensions: "swift", mediaType: plain, language: "swift" },
  { kind: "code", extensions: "ts mts cts", language: "typescript" },
  { kind: "code", extensions: "tsx", mediaType: plain, language: "typescript" },
  // Languages without highlighting.
  {
    kind: "code",
    extensions:
      "cfg clj dockerfile env ex exs fish hs jl justfile ml nix properties ps1 scala vue zig",
    names: "dockerfile justfile",
    mediaType: plain,
  },
]

/** Kinds of the file types that are not in the table; the first match counts. */
const kindsByMediaType: ReadonlyArray<readonly [RegExp, FileKind]> = [
  [/^image\//, "image"],
  [/^video\//, "video"],
  [/^audio\//, "audio"],
  [/^text\/markdown$/, "markdown"],
  [/^application\/pdf$/, "pdf"],
  [
    /^application\/(?:zip|gzip|x-(?:bzip2?|rar(?:-compressed)?|gtar)|vnd\.rar|zstd|java-archive)$/,
    "archive",
  ],
  [
    /^application\/(?:(?:.+\+)?(?:json|xml)|json5|javascript|ecmascript|toml|yaml|x-(?:sh|perl|yaml|httpd-php|tcl|python|ruby)|sql|graphql|typescript|wasm-text)$/,
    "code",
  ],
  [/^text\/(?:html|css|xml|javascript|x-.+|yaml|jsx|coffeescript|less|stylus|mathml)$/, "code"],
  [/^text\//, "text"],
]

const byWords = (words: (row: Row) => string | undefined): ReadonlyMap<string, Row> =>
  new Map(table.flatMap((row) => (words(row)?.split(" ") ?? []).map((word) => [word, row])))

const byExtension = byWords(({ extensions }) => extensions)
const byName = byWords(({ names }) => names)

const extensionOf = (name: ByteName): string | undefined => {
  const dot = name.lastIndexOf(".")
  return dot < 0 ? undefined : name.slice(dot + 1).toLowerCase()
}

const rowOf = (name: ByteName): Row | undefined => {
  const extension = extensionOf(name)
  return extension === undefined ? byName.get(name.toLowerCase()) : byExtension.get(extension)
}

const standardType = (name: ByteName): string =>
  name.includes(".")
    ? Option.getOrElse(Mime.getType(`/${toText(name)}`), () => MediaType.unknown)
    : MediaType.unknown

/** The media type, without parameters, of a file of this name. */
export const mediaTypeOf = (name: ByteName): string => rowOf(name)?.mediaType ?? standardType(name)

/** The kind of a file of this name. */
export const kindOf = (name: ByteName): FileKind => {
  const row = rowOf(name)
  if (row !== undefined) return row.kind
  const type = standardType(name)
  return kindsByMediaType.find(([pattern]) => pattern.test(type))?.[1] ?? "file"
}

/** The kind of an entry of a folder. */
export const kindOfEntry = (entry: { readonly name: ByteName; readonly folder: boolean }): Kind =>
  entry.folder ? "folder" : kindOf(entry.name)

/** Whether browsers show a file of this name as a document of its own, with its links and pictures. */
export const isDocument = (name: ByteName): boolean =>
  /^(?:text\/html|application\/xhtml\+xml)$/.test(mediaTypeOf(name))

/** The language in which a file of this name is highlighted; the highlighter may not know it. */
export const languageOf = (name: ByteName): string =>
  rowOf(name)?.language ?? extensionOf(name) ?? name.toLowerCase()

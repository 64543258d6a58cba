/**
 * File types by name: media type, kind and highlighting. A new file type is
 * one row of the table here. Icons are those of `Kind.ts`; a language that is
 * not among the common ones of highlight.js is registered in `Highlight.ts`.
 */
import { memoize } from "../../domain/Memoize.ts"
import type { ByteName } from "../names/ByteName.ts"
import type { Kind } from "./Kind.ts"
import * as MediaType from "./MediaType.ts"
import * as StandardTypes from "./StandardTypes.ts"

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

const textPlain = "text/plain"

/** Rows of one extension each, of the same kind. */
const rows = (kind: FileKind, types: { readonly [extensions: string]: string }) =>
  Object.entries(types).map(([extensions, mediaType]): Row => ({ kind, extensions, mediaType }))

/**
 * File types that the standard table of media types lacks, gives to another
 * format than that of most files (`ts`, `org`), or whose kind does not follow
 * from the media type. Source code is plain text, which browsers show.
 */
const table: ReadonlyArray<Row> = [
  ...rows("archive", {
    "7z": "application/x-7z-compressed",
    br: "application/x-brotli",
    cab: "application/vnd.ms-cab-compressed",
    deb: "application/vnd.debian.binary-package",
    dmg: "application/x-apple-diskimage",
    "egg whl": "application/zip",
    iso: "application/x-iso9660-image",
    lz: "application/x-lzip",
    lz4: "application/x-lz4",
    "lzma tlz": "application/x-lzma",
    rpm: "application/x-rpm",
    tar: "application/x-tar",
    "tbz tbz2": "application/x-bzip2",
    tgz: "application/gzip",
    "txz xz": "application/x-xz",
    "tzst zst": "application/zstd",
    z: "application/x-compress",
  }),
  ...rows("audio", {
    ac3: "audio/ac3",
    ape: "audio/x-ape",
    flac: "audio/flac",
    mpc: "audio/x-musepack",
    pls: "audio/x-scpls",
    tta: "audio/x-tta",
    wv: "audio/x-wavpack",
  }),
  ...rows("image", {
    arw: "image/x-sony-arw",
    cr2: "image/x-canon-cr2",
    cr3: "image/x-canon-cr3",
    icns: "image/icns",
    ico: "image/vnd.microsoft.icon",
    nef: "image/x-nikon-nef",
    orf: "image/x-olympus-orf",
    raf: "image/x-fuji-raf",
    rw2: "image/x-panasonic-rw2",
    xcf: "image/x-xcf",
  }),
  ...rows("video", {
    "avi divx": "video/x-msvideo",
    "m2t m2ts tod": "video/mp2t",
    m4v: "video/mp4",
    mkv: "video/matroska",
    vob: "video/mpeg",
  }),
  ...rows("file", {
    azw3: "application/vnd.amazon.mobi8-ebook",
    avro: "application/vnd.apache.avro",
    appimage: "application/vnd.appimage",
    flatpak: "application/vnd.flatpak",
    "db sqlite sqlite3": "application/vnd.sqlite3",
    parquet: "application/vnd.apache.parquet",
    snap: "application/vnd.snap",
  }),

  { kind: "markdown", extensions: "mdown mkd", mediaType: "text/markdown" },
  {
    kind: "text",
    extensions:
      "adoc asciidoc ass bib cue diz err lock log lrc nfo org out rst srt ssa tex text textile wiki",
    mediaType: textPlain,
  },
  {
    kind: "text",
    names:
      "authors changelog changes contributing copying install license news notice readme todo version",
    mediaType: textPlain,
  },

  { kind: "code", extensions: "bash sh zsh ksh csh", mediaType: textPlain, language: "bash" },
  { kind: "code", extensions: "c h", mediaType: textPlain, language: "c" },
  { kind: "code", extensions: "cc cpp cxx hh hpp hxx", mediaType: textPlain, language: "cpp" },
  { kind: "code", extensions: "cs", mediaType: textPlain, language: "csharp" },
  { kind: "code", extensions: "diff patch", mediaType: textPlain, language: "diff" },
  { kind: "code", extensions: "go", mediaType: textPlain, language: "go" },
  { kind: "code", extensions: "graphql gql", mediaType: textPlain, language: "graphql" },
  { kind: "code", extensions: "conf cnf ini properties", mediaType: textPlain, language: "ini" },
  { kind: "code", extensions: "java", mediaType: textPlain, language: "java" },
  { kind: "code", extensions: "ipynb", mediaType: "application/json", language: "json" },
  { kind: "code", extensions: "jsonc", mediaType: textPlain, language: "json" },
  { kind: "code", extensions: "jsonl", mediaType: "application/jsonl", language: "json" },
  { kind: "code", extensions: "cjs", mediaType: "text/javascript", language: "javascript" },
  { kind: "code", extensions: "jsx", mediaType: textPlain, language: "javascript" },
  { kind: "code", extensions: "kt kts", mediaType: textPlain, language: "kotlin" },
  { kind: "code", extensions: "less", mediaType: textPlain, language: "less" },
  { kind: "code", extensions: "lua", mediaType: textPlain, language: "lua" },
  {
    kind: "code",
    extensions: "makefile mk",
    names: "makefile",
    mediaType: textPlain,
    language: "makefile",
  },
  { kind: "code", extensions: "php", mediaType: textPlain, language: "php" },
  { kind: "code", extensions: "pl pm", mediaType: textPlain, language: "perl" },
  { kind: "code", extensions: "py pyi", mediaType: textPlain, language: "python" },
  { kind: "code", extensions: "r", mediaType: textPlain, language: "r" },
  { kind: "code", extensions: "rb", mediaType: textPlain, language: "ruby" },
  { kind: "code", extensions: "rs", mediaType: textPlain, language: "rust" },
  { kind: "code", extensions: "sass scss", mediaType: textPlain, language: "scss" },
  { kind: "code", extensions: "sql", mediaType: textPlain, language: "sql" },
  { kind: "code", extensions: "swift", mediaType: textPlain, language: "swift" },
  { kind: "code", extensions: "toml", mediaType: textPlain, language: "ini" },
  // A film may have the same extension: see `send/ContentSniffer.ts`.
  { kind: "code", extensions: "ts mts cts", mediaType: textPlain, language: "typescript" },
  { kind: "code", extensions: "tsx", mediaType: textPlain, language: "typescript" },
  { kind: "code", extensions: "yaml yml", mediaType: "text/yaml", language: "yaml" },
  // Languages without highlighting.
  {
    kind: "code",
    extensions:
      "asm awk bat bzl cfg clj cljs cmake cmd coffee cr cu d dart dockerfile edn el elm env erl ex exs f90 fish fs fsx gradle groovy hcl hrl hs inf jl justfile lisp m4 ml mli nim nix nu pas pp proto ps1 psd1 psm1 pug rkt reg s sbt scala scm service sol styl sv svelte tcl tf tfvars v vb vhdl vim vue zig",
    names: "dockerfile gemfile jenkinsfile justfile procfile rakefile vagrantfile",
    mediaType: textPlain,
  },
]

/** The commonest of the standard types, which do without the large table. */
const commonTypes: ReadonlyMap<string, string> = new Map([
  ["css", "text/css"],
  ["csv", "text/csv"],
  ["gif", "image/gif"],
  ["htm", "text/html"],
  ["html", "text/html"],
  ["jpeg", "image/jpeg"],
  ["jpg", "image/jpeg"],
  ["js", "text/javascript"],
  ["json", "application/json"],
  ["md", "text/markdown"],
  ["mp3", "audio/mpeg"],
  ["mp4", "video/mp4"],
  ["pdf", "application/pdf"],
  ["png", "image/png"],
  ["svg", "image/svg+xml"],
  ["txt", "text/plain"],
  ["webm", "video/webm"],
  ["webp", "image/webp"],
  ["woff2", "font/woff2"],
  ["xml", "application/xml"],
  ["zip", "application/zip"],
])

/** Kinds of the file types that are not in the table; the first match counts. */
const kindsByMediaType: ReadonlyArray<readonly [RegExp, FileKind]> = [
  [/^image\//, "image"],
  [/^video\//, "video"],
  [/^audio\//, "audio"],
  [/^text\/markdown$/, "markdown"],
  [/^application\/pdf$/, "pdf"],
  [
    /^application\/(?:zip|gzip|x-(?:bzip2?|cpio|lzh-compressed|rar(?:-compressed)?|gtar|stuffitx?)|vnd\.rar|zstd|java-archive)$/,
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

const standardType = (name: ByteName): string => {
  const extension = extensionOf(name)
  if (extension === undefined) return MediaType.unknown
  return commonTypes.get(extension) ?? (StandardTypes.mediaTypeOf(extension) || MediaType.unknown)
}

/** The media type, without parameters, of a file of this name. */
export const mediaTypeOf = (name: ByteName): string => rowOf(name)?.mediaType ?? standardType(name)

/** What is in a file of this name, unless the file shows something else: text is UTF-8. */
export const contentOf: (name: ByteName) => MediaType.Content = memoize((name) => {
  const mediaType = mediaTypeOf(name)
  const charset = mediaType.startsWith("text/") ? "utf-8" : undefined
  return { mediaType, charset, coding: undefined }
})

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

/**
 * The text of a file as HTML: a document, a table, highlighted code or escaped
 * text, in parts if it is long. Also the README below a folder's listing.
 */
import * as Html from "../../web/Html.ts"
import type { Query } from "../http/Query.ts"
import type { Listing } from "../listing/Listing.ts"
import { type ByteName, toUrl } from "../names/ByteName.ts"
import * as Text from "../parts/Text.ts"
import * as Render from "../render/Render.ts"
import * as Root from "../root/Root.ts"
import * as FileBody from "../send/FileBody.ts"
import * as FileTypes from "../types/FileTypes.ts"
import * as TextDecoding from "../types/TextDecoding.ts"
import type { Content, Part } from "./Content.ts"
import * as JsonText from "./JsonText.ts"
import * as Notebook from "./Notebook.ts"
import * as Separated from "./Separated.ts"

/** Largest file that is shown at once, in bytes; longer ones are shown in parts. */
const maxSize = Render.maxSize
/** The size of a part, in bytes. */
const partSize = 256 * 1024
/** How far beyond its end a part goes on to the end of its last line, in bytes. */
const overlap = 16 * 1024
/** The largest notebook that is shown, in bytes; most of it is pictures. */
const maxNotebook = 32 * 1024 * 1024

/** Embeddings, overrides and isolates (Unicode UAX #9), with which code hides what it does (CVE-2021-42574). */
const turnsDirection = /[\u202a-\u202e\u2066-\u2069]/

/** What texts are rendered with. */
export interface TextSource {
  readonly root: Root.Root
  readonly renderer: Render.Renderer
}

/** An open file; the handle stays open. */
export interface TextFile {
  readonly handle: number
  /** Bytes. */
  readonly size: number
}

/** Reads an open file as text; gives `undefined` if that fails or it is a binary file. */
export const read = ({ handle, size }: TextFile, done: (text: string | undefined) => void): void =>
  FileBody.readAll(handle, 0, size, (error, bytes) => {
    done(error !== undefined || bytes === undefined ? undefined : TextDecoding.decode(bytes))
  })

const extensionOf = (name: ByteName): string => name.slice(name.lastIndexOf(".") + 1).toLowerCase()

const linesIn = (text: string): number => {
  let count = 0
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) count++
  return text === "" || text.endsWith("\n") ? count : count + 1
}

/** The content of a file, or of a part of it, and whether it may be shown otherwise than it is. */
const arrange = (
  site: TextSource,
  name: ByteName,
  text: string,
  query: Query,
  done: (content: Content) => void,
): void => {
  const extension = extensionOf(name)
  const showLines = (lines: string, language: string | undefined, isArranged: boolean): void => {
    const give = (rendered: Html.Html): void =>
      done({
        _tag: "Lines",
        rendered,
        count: linesIn(lines),
        warning:
          language !== undefined && turnsDirection.test(lines)
            ? Text.view.turnsDirection
            : undefined,
        part: undefined,
        isArranged,
      })
    if (language === undefined) give(Html.html`${lines}`)
    else site.renderer.render(lines, language, give)
  }
  const language = FileTypes.kindOf(name) === "code" ? FileTypes.languageOf(name) : undefined
  if (query.asText) return showLines(text, language, false)
  if (FileTypes.kindOf(name) === "markdown") {
    return site.renderer.render(text, undefined, (rendered) => done({ _tag: "Document", rendered }))
  }
  if (extension === "csv" || extension === "tsv" || extension === "psv") {
    return done({ _tag: "Table", table: Separated.parse(text) })
  }
  if (extension === "jsonl" || extension === "ndjson") {
    const table = Separated.parseJsonLines(text)
    if (table !== undefined) return done({ _tag: "Table", table })
  }
  if (extension === "ipynb") {
    const markdown = Notebook.toMarkdown(text, toUrl(name))
    if (markdown !== undefined) {
      return site.renderer.render(markdown, undefined, (rendered) =>
        done({ _tag: "Document", rendered }),
      )
    }
  }
  const indented =
    extension === "json" || extension === "geojson" || extension === "webmanifest"
      ? JsonText.indent(text)
      : undefined
  if (indented !== undefined && indented.trim() !== text.trim()) {
    return showLines(indented, language, true)
  }
  showLines(text, language, false)
}

/** Reads a part of a long file, from the beginning of a line to the end of one. */
const readPart = (
  { handle, size }: TextFile,
  requested: number,
  done: (text: string | undefined, part: Part) => void,
): void => {
  const parts = Math.ceil(size / partSize)
  const number = Math.min(requested, parts)
  const first = (number - 1) * partSize
  const length = Math.min(partSize + overlap, size - first)
  FileBody.readAll(handle, 0, Math.min(size, TextDecoding.examined), (failure, start) => {
    if (failure !== undefined || start === undefined) return done(undefined, { number, parts })
    FileBody.readAll(handle, first, length, (error, bytes) => {
      if (error !== undefined || bytes === undefined) return done(undefined, { number, parts })
      // The line that the part before this one has shown to its end.
      const hasLines = !start.includes(0)
      const newline = number === 1 || !hasLines ? -1 : bytes.indexOf(0x0a)
      const from = newline < 0 || newline > overlap ? 0 : newline + 1
      const next = number === parts || !hasLines ? -1 : bytes.indexOf(0x0a, partSize)
      const to = next >= 0 ? next + 1 : hasLines ? length : Math.min(length, partSize)
      done(TextDecoding.decodePart(start, bytes.subarray(from, to)), { number, parts })
    })
  })
}

/** Gives what a text file is shown as. The handle stays open. */
export const readContent = (
  site: TextSource,
  query: Query,
  name: ByteName,
  file: TextFile,
  done: (content: Content) => void,
): void => {
  if (file.size === 0) return done({ _tag: "Notice", notice: Text.view.emptyFile })
  const notText: Content = { _tag: "Notice", notice: Text.view.notText }
  const isNotebook = extensionOf(name) === "ipynb" && !query.asText
  if (file.size <= (isNotebook ? maxNotebook : maxSize)) {
    return read(file, (text) =>
      text === undefined ? done(notText) : arrange(site, name, text, query, done),
    )
  }
  readPart(file, query.part, (text, part) => {
    if (text === undefined) return done(notText)
    done({
      _tag: "Lines",
      rendered: Html.html`${text}`,
      count: linesIn(text),
      warning: undefined,
      part,
      isArranged: false,
    })
  })
}

const readmeName = /^readme(?:\.(?:md|markdown|mdown|mkd|txt))?$/i
const isMarkdown = (name: ByteName): boolean => FileTypes.kindOf(name) === "markdown"

/** The name of the README to show below a listing; Markdown is preferred. */
const readmeOf = ({ entries, pages }: Listing): ByteName | undefined => {
  const names = entries.filter(({ folder }) => !folder).map(({ name }) => name)
  const readmes = names.filter((name) => readmeName.test(name)).sort()
  // On further pages of a long listing only the usual name is tried.
  return readmes.find(isMarkdown) ?? readmes[0] ?? (pages > 1 ? "README.md" : undefined)
}

/** Gives the rendered README of a folder; `undefined` without one. */
export const readReadme = (
  site: TextSource,
  segments: ReadonlyArray<ByteName>,
  listing: Listing,
  done: (readme: Html.Html | undefined) => void,
): void => {
  const name = readmeOf(listing)
  if (name === undefined) return done(undefined)
  site.root.open([...segments, name], (opened) => {
    if (opened._tag === "Folder") Root.closeFolder(opened)
    if (opened._tag !== "File") return done(undefined)
    const { handle, stats } = opened
    if (stats.size > BigInt(maxSize)) {
      Root.close(handle)
      return done(undefined)
    }
    read({ handle, size: Number(stats.size) }, (text) => {
      Root.close(handle)
      if (text === undefined || text.trim() === "") return done(undefined)
      if (!isMarkdown(name)) return done(Html.html`<pre tabindex="0">${text}</pre>`)
      site.renderer.render(text, undefined, done)
    })
  })
}

/**
 * The text of a file as HTML: Markdown, highlighted code or escaped text. Also
 * the README below a folder's listing.
 */
import * as Html from "../../web/Html.ts"
import type { Listing } from "../listing/Listing.ts"
import type { ByteName } from "../names/ByteName.ts"
import * as Render from "../render/Render.ts"
import * as Root from "../root/Root.ts"
import * as FileBody from "../send/FileBody.ts"
import * as FileTypes from "../types/FileTypes.ts"
import type { Site } from "./Site.ts"
import * as TextDecoding from "./TextDecoding.ts"

/** Largest file that is shown as text, in bytes. */
export const maxSize = Render.maxSize

/** Reads an open file as text; gives `undefined` if that fails or it is a binary file. The handle stays open. */
export const read = (
  handle: number,
  size: number,
  done: (text: string | undefined) => void,
): void =>
  FileBody.readAll(handle, 0, size, (error, bytes) => {
    done(error !== undefined || bytes === undefined ? undefined : TextDecoding.decode(bytes))
  })

/** Renders a text by the type of its file. */
export const render = (
  { renderer }: Site,
  name: ByteName,
  text: string,
  done: (rendered: Html.Html) => void,
): void => {
  switch (FileTypes.kindOf(name)) {
    case "markdown":
      return renderer.render(text, undefined, done)
    case "code":
      return renderer.render(text, FileTypes.languageOf(name), done)
    default:
      return done(Html.html`${text}`)
  }
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
  site: Site,
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
    read(handle, Number(stats.size), (text) => {
      Root.close(handle)
      if (text === undefined || text.trim() === "") return done(undefined)
      render(site, name, text, (rendered) =>
        done(isMarkdown(name) ? rendered : Html.html`<pre tabindex="0">${rendered}</pre>`),
      )
    })
  })
}

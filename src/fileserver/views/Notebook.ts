/**
 * Jupyter notebooks (nbformat 4) as Markdown, read only. Pictures in the output
 * are links to `?output=N` of the notebook's address, which sends them.
 */

/** A picture in the output of a notebook. */
export interface Output {
  readonly type: string
  readonly bytes: Uint8Array
}

/** The pictures that browsers show and that are sent. */
const pictures = ["image/png", "image/jpeg", "image/gif", "image/svg+xml"] as const

interface Cell {
  readonly cell_type?: unknown
  readonly source?: unknown
  readonly execution_count?: unknown
  readonly outputs?: unknown
}

type Data = { readonly [type: string]: unknown }

/** A text, which may be in several parts (nbformat, multiline string). */
const textOf = (value: unknown): string =>
  (Array.isArray(value) ? value : [value]).filter((part) => typeof part === "string").join("")

const listOf = (value: unknown): ReadonlyArray<Data> =>
  Array.isArray(value) ? value.filter((each) => typeof each === "object" && each !== null) : []

/** A block of code, in a fence that is longer than any in it. */
const fenced = (text: string, language: string): string => {
  let longest = 2
  for (const [run] of text.matchAll(/`+/g)) longest = Math.max(longest, run.length)
  const fence = "`".repeat(longest + 1)
  return `${fence}${language.replaceAll(/[^\w+#-]/g, "")}\n${text.replace(/\n$/, "")}\n${fence}\n`
}

// Escape sequences of terminals, in the output of errors.
const ansi = /\x1b\[[0-9;]*[A-Za-z]/g

const parse = (text: string): Data | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null ? (value as Data) : undefined
  } catch {
    return undefined
  }
}

const dataOf = (output: Data): Data =>
  typeof output.data === "object" && output.data !== null ? (output.data as Data) : {}

const pictureOf = (data: Data): (typeof pictures)[number] | undefined =>
  pictures.find((type) => textOf(data[type]) !== "")

/** The Markdown of one output. */
const outputText = (output: Data, nextPicture: () => string): string => {
  if (output.output_type === "stream") return fenced(textOf(output.text), "")
  if (output.output_type === "error") {
    const trace = Array.isArray(output.traceback) ? output.traceback.map(textOf).join("\n") : ""
    return fenced(trace.replace(ansi, ""), "")
  }
  const data = dataOf(output)
  if (pictureOf(data) !== undefined) return `![Output](${nextPicture()})\n`
  const markdown = textOf(data["text/markdown"])
  if (markdown !== "") return `${markdown}\n`
  const markup = textOf(data["text/html"])
  // Without empty lines all of it is one block of HTML.
  if (markup !== "") return `<div>${markup.replaceAll(/\n\s*\n/g, "\n")}</div>\n`
  const plainText = textOf(data["text/plain"])
  return plainText === "" ? "" : fenced(plainText, "")
}

/**
 * The notebook as Markdown; `undefined` if it is none.
 *
 * @param href the address of the notebook, relative to the page
 */
export const toMarkdown = (text: string, href: string): string | undefined => {
  const notebook = parse(text)
  if (notebook === undefined || !Array.isArray(notebook.cells)) return undefined
  const info = (notebook.metadata as Data | undefined)?.language_info as Data | undefined
  const language = textOf(info?.name) || "python"
  let outputs = 0
  const nextPicture = (): string => `${href}?output=${outputs++}`
  const parts = listOf(notebook.cells).map((cell: Cell) => {
    const source = textOf(cell.source)
    if (cell.cell_type === "markdown") return `${source}\n`
    if (cell.cell_type !== "code") return source === "" ? "" : fenced(source, "")
    const count = typeof cell.execution_count === "number" ? cell.execution_count : " "
    const results = listOf(cell.outputs).map((output) => outputText(output, nextPicture))
    return [`<small>In [${count}]:</small>\n`, fenced(source, language), ...results].join("\n")
  })
  return parts.join("\n")
}

/** A picture by its number in the notebook; `undefined` if there is none. */
export const outputOf = (text: string, number: number): Output | undefined => {
  const cells = listOf(parse(text)?.cells).filter((cell) => cell.cell_type === "code")
  const data = cells
    .flatMap((cell) => listOf(cell.outputs))
    .filter(({ output_type }) => output_type !== "stream" && output_type !== "error")
    .map(dataOf)
    .filter((data) => pictureOf(data) !== undefined)[number]
  const type = data === undefined ? undefined : pictureOf(data)
  if (data === undefined || type === undefined) return undefined
  const content = textOf(data[type])
  return { type, bytes: Buffer.from(content, type === "image/svg+xml" ? "utf8" : "base64") }
}

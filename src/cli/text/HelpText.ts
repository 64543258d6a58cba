/**
 * The text of `--help`: flags in groups, the descriptions beside them where the
 * terminal is wide enough, and nothing wider than the terminal.
 */
import type { FlagDoc, HelpDoc } from "effect/cli/HelpDoc"
import * as Option from "effect/Option"
import { type ConfigRows, flagName } from "../../domain/config/ConfigKey.ts"
import { relaySections } from "../../domain/config/RelayKeys.ts"
import { serverSections } from "../../domain/config/ServerKeys.ts"
import { type Attribute, paint, type TerminalStyle, widthOf } from "./TerminalStyle.ts"

/** The widest text on a terminal, for the sake of the eye. */
const widest = 100

/** The width of what is not for a terminal, in which each flag is one line. */
const unlimited = 100_000

/** The width of the column of names, if descriptions stand beside it. */
const nameColumn = 30

/** From which width on descriptions stand beside the names. */
const besideFrom = 64

/** The group of flags that are in no other. */
const otherFlags = "Options"

/** Groups of flags that are no keys of a configuration. */
const ownGroups: { readonly [group: string]: ReadonlyArray<string> } = {
  Configuration: ["config-path", "print-config", "auto-gen-key", "print-tripcode", "asset-root"],
  Output: ["qr", "log-requests", "quiet", "log-format", "log-level"],
  Help: ["help", "version", "completions"],
}

const flagNames = (rows: ConfigRows): ReadonlyArray<string> =>
  Object.values(rows).flatMap((key) => (key.flag === undefined ? [] : [flagName(key)]))

/** The flags of the sections of a configuration, by group. */
const sectionGroups = (sections: {
  readonly [title: string]: ConfigRows
}): ReadonlyArray<readonly [string, ReadonlyArray<string>]> =>
  Object.entries(sections).map(([title, rows]) => [title, flagNames(rows)])

/** The groups in their order: what is most the command's own comes first. */
const groupsFor = (commandPath: ReadonlyArray<string>) => [
  ...sectionGroups(commandPath.includes("relay") ? relaySections : serverSections),
  ...Object.entries(ownGroups),
]

/** Lines of words, each of at most so many columns unless a word is longer. */
export const wrap = (text: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = ""
  for (const word of text.split(/\s+/)) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === "" ? word : `${line} ${word}`
  }
  return line === "" ? lines : [...lines, line]
}

/** How a command's help is laid out. */
interface Layout {
  readonly style: TerminalStyle
  readonly width: number
}

const heading = ({ style }: Layout, text: string): string =>
  paint(style, "bold", text.toUpperCase())

const paragraph = ({ width }: Layout, text: string): ReadonlyArray<string> =>
  wrap(text, width - 2).map((line) => `  ${line}`)

/** A name and its description, beside or below it. */
const entry = (
  { style, width }: Layout,
  name: string,
  attribute: Attribute,
  description: string,
): ReadonlyArray<string> => {
  const painted = paint(style, attribute, name)
  if (width < besideFrom) {
    return [`  ${painted}`, ...wrap(description, width - 6).map((line) => `      ${line}`)]
  }
  const lines = wrap(description, width - nameColumn - 2)
  const indented = lines.map((line) => " ".repeat(nameColumn + 2) + line)
  const isShort = widthOf(name) < nameColumn
  return isShort
    ? [`  ${painted}${" ".repeat(nameColumn - name.length)}${lines[0] ?? ""}`, ...indented.slice(1)]
    : [`  ${painted}`, ...indented]
}

const flagEntry = (layout: Layout, flag: FlagDoc): ReadonlyArray<string> => {
  const names = [`--${flag.name}`, ...flag.aliases].join(", ")
  const name = flag.type === "boolean" ? names : `${names} ${flag.type}`
  return entry(
    layout,
    name,
    "green",
    Option.getOrElse(flag.description, () => ""),
  )
}

/** The flags in their groups. */
const flagSections = (layout: Layout, doc: HelpDoc): ReadonlyArray<ReadonlyArray<string>> => {
  const flags = [...doc.flags, ...(doc.inheritedFlags ?? []), ...(doc.globalFlags ?? [])]
  const groups = groupsFor(doc.commandPath ?? [])
  const grouped = new Set(groups.flatMap(([, names]) => names))
  const others = flags.filter(({ name }) => !grouped.has(name)).map(({ name }) => name)
  return [[otherFlags, others] as const, ...groups].flatMap(([title, names]) => {
    const present = flags.filter(({ name }) => names.includes(name))
    return present.length === 0
      ? []
      : [[heading(layout, title), ...present.flatMap((flag) => flagEntry(layout, flag))]]
  })
}

const argumentSection = (layout: Layout, doc: HelpDoc): ReadonlyArray<string> => {
  const { args = [] } = doc
  return args.length === 0
    ? []
    : [
        heading(layout, "Arguments"),
        ...args.flatMap(({ description, name, required, variadic }) =>
          entry(
            layout,
            `${name}${variadic ? "..." : ""}`,
            "green",
            `${Option.getOrElse(description, () => "")}${required ? "" : " (optional)"}`,
          ),
        ),
      ]
}

const commandSection = (layout: Layout, doc: HelpDoc): ReadonlyArray<string> => {
  const commands = (doc.subcommands ?? []).flatMap(({ commands }) => commands)
  return commands.length === 0
    ? []
    : [
        heading(layout, "Commands"),
        ...commands.flatMap(({ alias, description, name, shortDescription }) =>
          entry(
            layout,
            alias === undefined ? name : `${name}, ${alias}`,
            "cyan",
            shortDescription ?? description,
          ),
        ),
      ]
}

const exampleSection = (layout: Layout, doc: HelpDoc): ReadonlyArray<string> => {
  const { examples = [] } = doc
  return examples.length === 0
    ? []
    : [
        heading(layout, "Examples"),
        ...examples.flatMap(({ command, description }) => [
          ...(description === undefined
            ? []
            : paragraph(layout, description).map((line) => paint(layout.style, "dim", line))),
          `  ${paint(layout.style, "cyan", command)}`,
        ]),
      ]
}

/**
 * The help of a command.
 *
 * @param columns of the terminal, if it is for one
 */
export const format = (doc: HelpDoc, style: TerminalStyle, columns: number | undefined): string => {
  const width = columns === undefined ? unlimited : Math.min(widest, Math.max(20, columns))
  const layout = { style, width }
  const sections = [
    wrap(doc.description, width),
    [heading(layout, "Usage"), `  ${paint(style, "cyan", doc.usage)}`],
    argumentSection(layout, doc),
    commandSection(layout, doc),
    ...flagSections(layout, doc),
    exampleSection(layout, doc),
  ]
  return sections
    .filter((section) => section.length > 0)
    .map((section) => section.join("\n"))
    .join("\n\n")
}

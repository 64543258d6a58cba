/**
 * Finds a word in the place of a command that is not one, before flags such as
 * `--help` are read: `ptth approve --help` is as wrong as `ptth approve`. The
 * error names the command that may be meant.
 */
import type * as Command from "effect/cli/Command"
import { distance } from "../domain/text/Nearest.ts"
import { wordsOf } from "./text/ImpliedShare.ts"

/** Words that others use, and what they are called here. */
const synonyms: { readonly [word: string]: string } = {
  help: "--help",
  version: "--version",
  completions: "--completions bash",
  start: "dev",
  files: "fileserver",
  "file-server": "fileserver",
  serve: "fileserver",
  client: "server",
  connect: "server",
  tunnel: "share",
  expose: "share",
  key: "keygen",
  generate: "keygen",
  tripcode: "hash-api-key",
  password: "hash-password",
  passwd: "hash-password",
  validate: "check",
  test: "check",
  register: "relay approve",
  accept: "relay approve",
}

/** A word that is no command, and the command lines that may be meant. */
export interface Misplaced {
  /** The command before the word. */
  readonly path: string
  readonly word: string
  readonly suggestions: ReadonlyArray<string>
}

const childrenOf = (command: Command.Command.Any): ReadonlyArray<Command.Command.Any> =>
  command.subcommands.flatMap(({ commands }) => commands)

/** All command lines below a command. */
const linesOf = (command: Command.Command.Any, path: string): ReadonlyArray<string> => [
  ...(path === "" ? [] : [path]),
  ...childrenOf(command).flatMap((child) => linesOf(child, `${path} ${child.name}`.trim())),
]

const lastWord = (line: string): string => line.slice(line.lastIndexOf(" ") + 1)

const suggestionsFor = (word: string, lines: ReadonlyArray<string>): ReadonlyArray<string> => {
  const lower = word.toLowerCase()
  const synonym = synonyms[lower]
  const edits = lines.map((line) => ({ line, count: distance(lower, lastWord(line)) }))
  const least = Math.min(...edits.map(({ count }) => count))
  const nearest = edits.filter(({ count }) => count === least).map(({ line }) => line)
  if (least === 0) return nearest
  return [
    ...(synonym === undefined ? [] : [synonym]),
    ...(least <= Math.max(1, Math.floor(lower.length / 3)) ? nearest : []),
  ]
}

/** The command lines that a word in the wrong place may mean. */
export const suggest = (root: Command.Command.Any, word: string): ReadonlyArray<string> =>
  suggestionsFor(word, linesOf(root, ""))

/** The first word that is no command although its place is that of one. */
export const find = (
  root: Command.Command.Any,
  args: ReadonlyArray<string>,
): Misplaced | undefined => {
  let command = root
  let path = root.name
  for (const [word] of wordsOf(args)) {
    const children = childrenOf(command)
    const child = children.find(({ alias, name }) => name === word || alias === word)
    // A command without subcommands may take the word as an argument; its own errors tell.
    if (children.length === 0) return undefined
    if (child === undefined) return { path, word, suggestions: suggest(root, word) }
    command = child
    path = `${path} ${child.name}`
  }
  return undefined
}

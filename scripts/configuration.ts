/**
 * Writes `docs/configuration.md` from the rows of the configuration keys. A
 * test fails if the file is out of date.
 */
import { writeFileSync } from "node:fs"
import {
  type ConfigKey,
  type ConfigRows,
  type ConfigTable,
  flagName,
  isTable,
} from "../src/domain/config/ConfigKey.ts"
import * as RelayKeys from "../src/domain/config/RelayKeys.ts"
import * as ServerKeys from "../src/domain/config/ServerKeys.ts"

const head = `# Configuration

<!-- Written by \`npm run docs:configuration\` from src/domain/config; do not edit. -->

The relay reads \`./ptth_relay.toml\`, else \`./config/ptth_relay.toml\`; the server reads
\`ptth_server.toml\` in the same places. \`--config-path FILE\` names another file. Unknown keys
are errors.

Every key that is not a table can also be given as an environment variable:
\`${RelayKeys.environmentPrefix}\` or \`${ServerKeys.environmentPrefix}\`, then the key in capitals, as in
\`${RelayKeys.environmentPrefix}PUBLIC_URL\`. Some keys have a flag. Flags take precedence over environment
variables, and those over the file.

In flags and environment variables the texts of a list are separated by commas. A comma in
braces or brackets, or after a backslash, belongs to its text, as in
\`--hidden '*.{bak,tmp},private/**'\`. Flags of lists can be repeated.

\`ptth check FILE\` lists everything that is wrong with a file. \`ptth relay --print-config\` and
\`ptth server --print-config\` print the configuration in force and where each value comes from.
`

const cell = (text: string): string => text.replaceAll("|", "\\|")

const defaultCell = (key: ConfigKey<unknown>): string =>
  key.default === undefined ? key.unset : `\`${JSON.stringify(key.default)}\``

const docCell = ({ doc, see }: ConfigKey<unknown>): string =>
  see === undefined ? doc : `${doc} See [${see.replace(/#.*/, "")}](${see}).`

const keyTable = (rows: ConfigRows, hasFlags: boolean): string => {
  const columns = ["Key", "Value", "Default", ...(hasFlags ? ["Flag"] : []), "Meaning"]
  const lines = Object.values(rows).map((key) => [
    `\`${key.name}\``,
    key.value.expected,
    defaultCell(key),
    ...(hasFlags ? [key.flag === undefined ? "" : `\`--${flagName(key)}\``] : []),
    docCell(key),
  ])
  return [columns, columns.map(() => "---"), ...lines]
    .map((cells) => `| ${cells.map(cell).join(" | ")} |`)
    .join("\n")
}

/** The tables among rows and in those tables, with their headings: `[[servers]]`, `[servers.auth]`. */
const tablesIn = (
  rows: ConfigRows,
  parent = "",
): ReadonlyArray<{ readonly heading: string; readonly rows: ConfigRows }> =>
  Object.values(rows).flatMap(({ name, value }) => {
    if (!isTable(value)) return []
    const path = `${parent}${name}`
    return [
      { heading: headingOf(value, path), rows: value.rows },
      ...tablesIn(value.rows, `${path}.`),
    ]
  })

const headingOf = ({ isList }: ConfigTable<unknown>, path: string): string =>
  isList ? `[[${path}]]` : `[${path}]`

const sections = (all: { readonly [title: string]: ConfigRows }): ReadonlyArray<string> =>
  Object.entries(all).flatMap(([title, rows]) => {
    const hasFlags = Object.values(rows).some(({ flag }) => flag !== undefined)
    return [
      `### ${title}\n\n${keyTable(rows, hasFlags)}\n`,
      ...tablesIn(rows).map(
        ({ heading, rows }) => `#### \`${heading}\`\n\n${keyTable(rows, false)}\n`,
      ),
    ]
  })

/** The text of `docs/configuration.md`. */
export const render = (): string =>
  [
    head,
    "## Relay: `ptth_relay.toml`\n",
    ...sections(RelayKeys.relaySections),
    "## Server: `ptth_server.toml`\n",
    "`ptth server` needs a name, a key and a relay. Nobody but the owner may be able to read the\nfile if it holds the key.\n",
    ...sections(ServerKeys.serverSections),
    "## The user's own: `config.toml`\n",
    "`ptth share` reads `~/.config/ptth/config.toml`, or `ptth/config.toml` in `XDG_CONFIG_HOME`.\n",
    ...sections({ "The relay of `ptth share`": ServerKeys.userKeys }),
  ].join("\n")

if (import.meta.main) {
  writeFileSync(new URL("../docs/configuration.md", import.meta.url), render())
}

/**
 * The man page, from the help texts of the command.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import type { ArgDoc, FlagDoc, HelpDoc } from "effect/cli/HelpDoc"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { cliConfig, ptth } from "../../src/cli/Main.ts"

const helpOf = async (path: ReadonlyArray<string>, version: string): Promise<HelpDoc> => {
  let doc: HelpDoc | undefined
  const presenter = CliOutput.layerPresenter({
    present: (event) =>
      Effect.sync(() => {
        if (event._tag === "Help") doc = event.helpDoc
      }),
  })
  await Command.runWith(ptth, { version })([...path, "--help"]).pipe(
    Effect.ignore,
    Effect.provide(Layer.mergeAll(NodeServices.layer, presenter, cliConfig)),
    Effect.runPromise,
  )
  if (doc === undefined) throw new Error(`there is no help for ptth ${path.join(" ")}`)
  return doc
}

/** Text in which roff sees no requests and no escapes. */
const roff = (text: string): string =>
  text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replace(/^\./gm, "\\&.")

const described = (term: string, text: string): string => `.TP\n${term}\n${roff(text)}\n`

const bold = (text: string): string => `\\fB${roff(text)}\\fR`
const italic = (text: string): string => `\\fI${roff(text)}\\fR`

const flag = ({ aliases, description, name, type }: FlagDoc): string => {
  const names = [...aliases, `--${name}`].map(bold).join(", ")
  const value = type === "boolean" ? "" : ` ${italic(type)}`
  return described(
    names + value,
    Option.getOrElse(description, () => ""),
  )
}

const argument = ({ description, name }: ArgDoc): string =>
  described(
    italic(name),
    Option.getOrElse(description, () => ""),
  )

const commandsBelow = (doc: HelpDoc): ReadonlyArray<string> =>
  (doc.subcommands ?? []).flatMap(({ commands }) => commands.map(({ name }) => name))

const sectionOf = (path: ReadonlyArray<string>, doc: HelpDoc): string =>
  [
    `.SS ${bold(["ptth", ...path].join(" "))}\n${roff(doc.description)}\n`,
    `.PP\n${bold(doc.usage)}\n`,
    ...(doc.args ?? []).map(argument),
    ...doc.flags.map(flag),
    ...(doc.examples ?? []).map(({ command, description }) =>
      described(bold(command), description ?? ""),
    ),
  ].join("")

const sections = async (
  path: ReadonlyArray<string>,
  version: string,
): Promise<ReadonlyArray<string>> => {
  const doc = await helpOf(path, version)
  const below = await Promise.all(
    commandsBelow(doc).map((name) => sections([...path, name], version)),
  )
  return [...(path.length === 0 ? [] : [sectionOf(path, doc)]), ...below.flat()]
}

/** The page `ptth.1`. */
export const render = async (version: string): Promise<string> => {
  const top = await helpOf([], version)
  return [
    `.TH PTTH 1 "" "ptth ${roff(version)}" "User Commands"\n`,
    `.SH NAME\nptth, ptth_relay, ptth_server, ptth_file_server \\- ${roff(`${top.description.charAt(0).toLowerCase()}${top.description.slice(1)}`)}\n`,
    ".SH SYNOPSIS\n.B ptth\n.I COMMAND\n[flags]\n",
    ".SH DESCRIPTION\n",
    "A relay runs on a machine that visitors can reach, a server on one that nobody can reach.\n",
    "The server makes only outgoing requests to the relay, and visitors reach it there.\n",
    ".PP\n\\fBptth_relay\\fR, \\fBptth_server\\fR and \\fBptth_file_server\\fR are the same program as\n",
    "\\fBptth relay\\fR, \\fBptth server\\fR and \\fBptth fileserver\\fR.\n",
    ".SH COMMANDS\n",
    ...(await sections([], version)),
    ".SH FLAGS OF ALL COMMANDS\n",
    ...(top.globalFlags ?? []).map(flag),
    ".SH FILES\n",
    described(
      bold("ptth_relay.toml"),
      "The configuration of a relay, in the current folder or in config/.",
    ),
    described(
      bold("ptth_server.toml"),
      "The configuration of a server; only its owner may read it.",
    ),
    ".SH EXIT STATUS\n",
    described("0", "Success."),
    described("1", "A failure; the line on standard error begins with its code, PTTH_…."),
    described("2", "The command line or the configuration is wrong."),
    ".SH SEE ALSO\nThe documentation beside this program or in \\fI/usr/share/doc/ptth\\fR, and \\fBptth\\fR \\fICOMMAND\\fR \\fB\\-\\-help\\fR.\n",
  ].join("")
}

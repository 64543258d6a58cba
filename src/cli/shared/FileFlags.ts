/**
 * The flags that say what of a folder is served, for the commands that serve
 * one.
 */
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import * as CommaList from "../../domain/config/CommaList.ts"
import type { Override } from "../../domain/config/ConfigDecode.ts"
import * as Flags from "./Flags.ts"

const envOf = (variables: boolean, key: string): string =>
  variables ? `; env PTTH_SERVER_${key}` : ""

const toggle = (name: string, help: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(help), Flag.optional)

const list = (name: string, help: string) =>
  Flag.String(name).pipe(Flag.withMetavar("PATTERNS"), Flag.withDescription(help), Flag.atLeast(0))

/**
 * The flags.
 *
 * @param variables whether the command also listens to environment variables
 */
export const make = (variables: boolean) => ({
  symlinks: Flags.text(
    "symlinks",
    "POLICY",
    `Which symbolic links are followed: inside, those that do not leave the folder; never; or follow, all (default inside${envOf(variables, "SYMLINKS")})`,
  ),
  hidden: list(
    "hidden",
    `Names that are neither listed nor served, with commas between them, such as "*.{bak,tmp},private/**"; can be repeated (default none${envOf(variables, "HIDDEN")})`,
  ),
  dotfiles: toggle(
    "dotfiles",
    `Serve names that begin with a dot, too (default off${envOf(variables, "DOTFILES")})`,
  ),
  trustedContent: toggle(
    "trusted-content",
    `Let browsers run what is in the files, such as scripts of HTML pages (default off${envOf(variables, "TRUSTED_CONTENT")})`,
  ),
  uploads: toggle(
    "uploads",
    `Let visitors put files into the folder (default off${envOf(variables, "UPLOADS")})`,
  ),
  uploadsFolders: list(
    "uploads-folders",
    `The folders that take files, with commas between them, such as "inbox,photos/**"; can be repeated (default all${envOf(variables, "UPLOADS_FOLDERS")})`,
  ),
  uploadsMax: Flags.text(
    "uploads-max",
    "BYTES",
    `The largest file that is taken (default any${envOf(variables, "UPLOADS_MAX")})`,
  ),
  uploadsOverwrite: toggle(
    "uploads-overwrite",
    `Let uploads take the place of files (default off${envOf(variables, "UPLOADS_OVERWRITE")})`,
  ),
})

/** What the flags say. */
export interface FileFlags {
  readonly symlinks: Option.Option<string>
  readonly hidden: ReadonlyArray<string>
  readonly dotfiles: Option.Option<boolean>
  readonly trustedContent: Option.Option<boolean>
  readonly uploads: Option.Option<boolean>
  readonly uploadsFolders: ReadonlyArray<string>
  readonly uploadsMax: Option.Option<string>
  readonly uploadsOverwrite: Option.Option<boolean>
}

const patterns = (given: ReadonlyArray<string>): Option.Option<ReadonlyArray<string>> =>
  given.length === 0 ? Option.none() : Option.some(given.flatMap(CommaList.split))

/** The overrides of a server's configuration that the flags make. */
export const overrides = (flags: FileFlags): ReadonlyArray<Override> =>
  Flags.overrides({
    symlinks: flags.symlinks,
    hidden: patterns(flags.hidden),
    dotfiles: flags.dotfiles,
    trusted_content: flags.trustedContent,
    uploads: flags.uploads,
    uploads_folders: patterns(flags.uploadsFolders),
    uploads_max: Option.map(flags.uploadsMax, (text) => (/^\d+$/.test(text) ? Number(text) : text)),
    uploads_overwrite: flags.uploadsOverwrite,
  })

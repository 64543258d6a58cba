/**
 * Where the user's own files of PTTH are, and which folder relative paths count
 * from.
 */
import { readdirSync, realpathSync } from "node:fs"
import * as NodePath from "node:path"
import { homeFolder } from "../../transport/runtime/HomeFolder.ts"

/** The variables of a process. */
export type Environment = { readonly [name: string]: string | undefined }

/** How a platform writes paths. */
const pathsOf = (platform: NodeJS.Platform): NodePath.PlatformPath =>
  platform === "win32" ? NodePath.win32 : NodePath.posix

/** A folder for programs, from a variable that only counts with an absolute path (XDG Base Directory). */
const folderOf = (
  path: NodePath.PlatformPath,
  variable: string | undefined,
  fallback: ReadonlyArray<string>,
): string =>
  path.join(
    variable !== undefined && path.isAbsolute(variable)
      ? variable
      : path.join(homeFolder(), ...fallback),
    "ptth",
  )

/** The folder of the user's configuration: `config.toml`, and the keys of `fileserver --relay`. */
export const configFolder = (
  env: Environment,
  platform: NodeJS.Platform = process.platform,
): string =>
  folderOf(pathsOf(platform), platform === "win32" ? env.APPDATA : env.XDG_CONFIG_HOME, [".config"])

/** The folder of what the commands remember for the user, such as the keys of `ptth share`. */
export const stateFolder = (
  env: Environment,
  platform: NodeJS.Platform = process.platform,
): string =>
  folderOf(pathsOf(platform), platform === "win32" ? env.LOCALAPPDATA : env.XDG_STATE_HOME, [
    ".local",
    "state",
  ])

/** The folder of the keys of `ptth share`. */
export const sharesFolder = (env: Environment): string => NodePath.join(stateFolder(env), "shares")

/** The paths of what is in a folder under a name of this pattern; none if the folder cannot be read. */
export const pathsIn = (folder: string, pattern: RegExp): ReadonlyArray<string> => {
  try {
    return readdirSync(folder)
      .filter((name) => pattern.test(name))
      .map((name) => NodePath.join(folder, name))
  } catch {
    return []
  }
}

/** The files with keys that are there now, which a file server must never serve. */
export const keyFiles = (env: Environment): ReadonlyArray<string> => [
  ...pathsIn(configFolder(env), /\.toml$/),
  // A key that is about to replace another one is in a file beside it.
  ...pathsIn(sharesFolder(env), /\.toml(?:\.next)?$/),
]

/** A name file pattern of `hidden` that matches just this text. */
const literal = (text: string): string => text.replaceAll(/[\\*?[\]{}()!+@]/g, "\\$&")

/** A path without links, also of what is not there yet. */
const realOf = (path: string): string => {
  try {
    return realpathSync.native(path)
  } catch {
    const parent = NodePath.dirname(path)
    return parent === path ? path : NodePath.join(realOf(parent), NodePath.basename(path))
  }
}

/** The patterns of `hidden` by which a shared folder does not show the folders with keys that are below it. */
export const keyPatterns = (
  root: string,
  env: Environment,
  platform: NodeJS.Platform = process.platform,
): ReadonlyArray<string> => {
  const { isAbsolute, relative, sep } = pathsOf(platform)
  const folders = [configFolder(env, platform), stateFolder(env, platform)]
  const pairs = folders.map((folder) => [root, folder] as const)
  // A home may have another path than the one by which it is shared.
  const realPairs =
    platform === process.platform
      ? folders.map((folder) => [realOf(root), realOf(folder)] as const)
      : []
  const patterns = [...pairs, ...realPairs].flatMap(([from, folder]) => {
    const path = relative(from, folder)
    const isBelow = path !== "" && !path.startsWith("..") && !isAbsolute(path)
    return isBelow ? [`/${path.split(sep).map(literal).join("/")}`] : []
  })
  return [...new Set(patterns)]
}

/** The folders of npm's script `ptth`; `undefined` in any other process. */
interface ScriptFolders {
  /** Of the package whose script it is. */
  readonly manifest: string
  /** Where npm was called. */
  readonly person: string
}

const scriptFolders = ({
  INIT_CWD: person,
  npm_lifecycle_event: script,
  npm_package_json: manifest,
}: Environment): ScriptFolders | undefined =>
  script === "ptth" && person !== undefined && manifest !== undefined
    ? { manifest: NodePath.dirname(manifest), person }
    : undefined

/** Whether the working directory is the package's folder, as npm makes it. */
const isInPackage = ({ manifest }: ScriptFolders): boolean =>
  realOf(manifest) === realOf(process.cwd())

/**
 * Makes the folder in which the person is the working directory: npm runs scripts
 * in the folder of their package, and says in `INIT_CWD` where it was called. All
 * relative paths, those of arguments as well as the usual places of files, so
 * count from there. Other scripts than `ptth` have arguments of their own, which
 * count from the package's folder, as npm has it.
 */
export const enterPersonsFolder = (env: Environment): void => {
  const folders = scriptFolders(env)
  if (folders === undefined || !isInPackage(folders)) return
  try {
    process.chdir(folders.person)
  } catch {
    // It is gone, and so is what counts from it.
  }
}

/** The folder of the package that was left for that of the person; `undefined` if none was. */
export const packageFolder = (env: Environment): string | undefined => {
  const folders = scriptFolders(env)
  return folders === undefined || isInPackage(folders) ? undefined : folders.manifest
}

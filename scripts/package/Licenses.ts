/**
 * The licences of what is in the bundle and in the executables, as one text.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

interface Manifest {
  readonly name: string
  readonly version: string
  readonly license?: string
}

const isLicense = (file: string): boolean =>
  /^(?:licen[cs]e|copying|notice)(?:[.-].*)?$/i.test(file)

const section = (title: string, text: string): string =>
  `${"=".repeat(72)}\n${title}\n${"=".repeat(72)}\n\n${text.trim()}\n`

const ofPackage = (folder: string): string => {
  const { license, name, version }: Manifest = JSON.parse(
    readFileSync(join(folder, "package.json"), "utf8"),
  )
  const files = readdirSync(folder).filter(isLicense).sort()
  if (license === undefined && files.length === 0) throw new Error(`${name} states no licence`)
  const texts = files.map((file) => readFileSync(join(folder, file), "utf8").trim())
  const text = texts.length > 0 ? texts.join("\n\n") : `Licence: ${license}`
  return section(`${name} ${version} (${license ?? "see below"})`, text)
}

/**
 * The text of `THIRD_PARTY_LICENSES`.
 *
 * @param packages the folders of the packages in the bundle
 * @param node the licence of Node, with those of all that is in it, for an executable
 */
export const render = (packages: ReadonlyArray<string>, node?: string): string =>
  [
    "PTTH is distributed with parts of the following packages.\n",
    ...packages.map(ofPackage),
    ...(node === undefined ? [] : [section("Node.js, with what it contains", node)]),
  ].join("\n")

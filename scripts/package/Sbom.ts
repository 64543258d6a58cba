/**
 * The bill of materials (CycloneDX) of what is given to others: npm's own, with
 * only the packages in the bundle, and with the runtimes of the executables.
 */
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Runtimes from "./Runtimes.ts"

interface Component {
  readonly name: string
  readonly version: string
  readonly "bom-ref": string
}

interface Bom {
  readonly metadata: { readonly component: Component }
  readonly components: ReadonlyArray<Component>
  readonly dependencies: ReadonlyArray<{
    readonly ref: string
    readonly dependsOn: ReadonlyArray<string>
  }>
}

const runtimeComponents = () =>
  Object.entries(Runtimes.runtimes).map(([platform, { integrity, name, version }]) => ({
    type: "framework",
    "bom-ref": `${name}@${version}`,
    name: "node",
    version,
    purl: `pkg:npm/${name}@${version}`,
    hashes: [
      {
        alg: "SHA-512",
        content: Buffer.from(integrity.replace("sha512-", ""), "base64").toString("hex"),
      },
    ],
    properties: [{ name: "ptth:platform", value: platform }],
  }))

/** A UUID that follows from what is listed, so that the same build has the same. */
const serialNumber = (content: string): string => {
  const hex = createHash("sha256").update(content).digest("hex")
  return `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** The text of the document. `packages` are the folders of the packages in the bundle. */
export const render = (packages: ReadonlyArray<string>, time: Date): string => {
  const text = execFileSync("npm", ["sbom", "--sbom-format", "cyclonedx"], {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  })
  const bom: Bom = JSON.parse(text)
  const inside = new Set(
    packages.map((folder) => {
      const { name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
      return `${name}@${version}`
    }),
  )
  const refs = new Set([bom.metadata.component["bom-ref"], ...inside])
  const components = [
    ...bom.components.filter(({ name, version }) => inside.has(`${name}@${version}`)),
    ...runtimeComponents(),
  ]
  const dependencies = bom.dependencies
    .filter(({ ref }) => refs.has(ref))
    .map(({ dependsOn, ref }) => ({ ref, dependsOn: dependsOn.filter((other) => refs.has(other)) }))
  return `${JSON.stringify(
    {
      ...bom,
      serialNumber: serialNumber(JSON.stringify(components)),
      metadata: { ...bom.metadata, timestamp: time.toISOString() },
      components,
      dependencies,
    },
    undefined,
    2,
  )}\n`
}

/**
 * `npm run release`: builds and tries everything that a release consists of, and
 * publishes nothing. docs/releasing.md says what follows.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import * as Archives from "./package/Archives.ts"
import * as Release from "./package/Release.ts"
import * as Sbom from "./package/Sbom.ts"

process.chdir(fileURLToPath(new URL("..", import.meta.url)))

const { values } = parseArgs({
  options: {
    previous: { type: "string" },
    twice: { type: "boolean", default: false },
  },
})

const say = (text: string): void => void process.stdout.write(`${text}\n`)

const run = (command: string, ...args: ReadonlyArray<string>): void => {
  say(`\n== ${command} ${args.join(" ")}`)
  execFileSync(command, [...args], { stdio: "inherit" })
}

/** The version of the newest heading in CHANGELOG.md, which is the one of package.json. */
const checkVersion = (): void => {
  const headings = readFileSync("CHANGELOG.md", "utf8").matchAll(/^## \[(\d[^\]]*)\]/gm)
  const [newest] = [...headings].map(([, version]) => version)
  if (newest === undefined)
    say(`CHANGELOG.md has no version yet; package.json has ${Release.version}`)
  else if (newest !== Release.version)
    throw new Error(`CHANGELOG.md has ${newest}, package.json has ${Release.version}`)
  const changes = execFileSync("git", ["status", "--porcelain"], { encoding: "utf8" })
  if (changes !== "") say(`Not committed, so nobody can build the same:\n${changes}`)
}

/** `npm audit`, where the registry has that service. */
const audit = (): void => {
  say("\n== npm audit --json")
  const { stdout } = spawnSync("npm", ["audit", "--json"], { encoding: "utf8", timeout: 60_000 })
  const report = (() => {
    try {
      return JSON.parse(stdout)
    } catch {
      return {}
    }
  })()
  const counts = report.metadata?.vulnerabilities
  if (counts === undefined) say("skipped: no service of the registry answers")
  else say(JSON.stringify(counts))
  if (counts?.high > 0 || counts?.critical > 0) throw new Error("npm audit found something serious")
}

/** `lintian`, where it is installed, on the Debian packages. */
const lint = (): void => {
  if (spawnSync("lintian", ["--version"]).error !== undefined)
    say("\nThe Debian packages were not checked: apt-get install lintian.")
  else
    run("lintian", "--fail-on", "error", "--allow-root", ...["amd64", "arm64"].map(Release.debOf))
}

const build = (): void => {
  rmSync(Release.folder, { recursive: true, force: true })
  mkdirSync(Release.folder)
  run("npm", "run", "-s", "build")
  run("npm", "run", "-s", "build:binaries")
  run("npm", "run", "-s", "build:deb")
  run("npm", "run", "-s", "build:image")
  run("npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", Release.folder)
}

checkVersion()
build()
if (values.twice) {
  const first = await Archives.sumsOf(Release.folder)
  build()
  const changed = [...(await Archives.sumsOf(Release.folder))].flatMap(([name, sum]) =>
    first.get(name) === sum ? [] : [name],
  )
  if (changed.length > 0) throw new Error(`a second build differs in ${changed.join(", ")}`)
  say("\nTwo builds are equal in every byte.")
}

const packages = await Release.withParts(async (parts) => parts.packages)
const sbom = join(Release.folder, `ptth-${Release.version}.cdx.json`)
writeFileSync(sbom, Sbom.render(packages, Release.time()))
await Archives.writeSums(Release.folder)

run("npm", "run", "-s", "pack:check")
run("npm", "publish", "--dry-run", "--ignore-scripts")
lint()
audit()
run(process.execPath, "scripts/try.ts", "executable", "package", "library", "deb", "image")
if (values.previous !== undefined && existsSync(values.previous))
  run(process.execPath, "scripts/try.ts", "upgrade", "--previous", resolve(values.previous))
else say("\nThe upgrade was not tried: --previous FILE names the package of the version before.")

say(`\n${readFileSync(join(Release.folder, "SHA256SUMS"), "utf8")}`)

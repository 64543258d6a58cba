/**
 * The Debian package: the executable with the units and configuration files of
 * `deploy/`, by `dpkg-deb`.
 */
import { execFileSync } from "node:child_process"
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { gzipSync } from "node:zlib"
import * as Contents from "./Contents.ts"
import type { Architecture } from "./Release.ts"

/** What goes into a package. */
export interface DebianOptions {
  readonly version: string
  readonly architecture: Architecture
  /** The path of the executable. */
  readonly program: string
  /** What belongs to it, see `Contents.companions`. */
  readonly companions: ReadonlyArray<Contents.PackedFile>
  readonly time: Date
  /** A method and a level of `dpkg-deb`. */
  readonly compression?: readonly [method: string, level: number]
}

const maintainer = "PTTH contributors <ptth@packages.invalid>"
const homepage = "https://www.npmjs.com/package/ptth"

const control = (options: DebianOptions, kibibytes: number): string =>
  `Package: ptth
Version: ${options.version}
Architecture: ${options.architecture}
Maintainer: ${maintainer}
Installed-Size: ${kibibytes}
Depends: adduser, libc6 (>= 2.28), libgcc-s1, libstdc++6 (>= 8)
Section: httpd
Priority: optional
Homepage: ${homepage}
Description: HTTP tunnel and file server without an open port
 PTTH makes files, or a web application, of a machine behind a firewall or NAT
 reachable. The server on that machine makes only outgoing requests, to a relay
 that visitors can reach.
 .
 This package has relay, server and file server in one program, and a unit for
 relay and server each.
`

/** Debian asks for a changelog of its own form. */
const changelog = ({ time, version }: DebianOptions): string =>
  `ptth (${version}) stable; urgency=medium

  * See CHANGELOG.md.gz.

 -- ${maintainer}  ${time.toUTCString().replace("GMT", "+0000")}
`

const gzip = (content: string | Buffer): Buffer => gzipSync(content, { level: 9 })

const companion = ({ companions }: DebianOptions, path: string): Buffer => {
  const found = companions.find((file) => file.path === path)
  if (found === undefined) throw new Error(`there is no ${path}`)
  return found.content
}

const files = (options: DebianOptions): ReadonlyArray<Contents.PackedFile> => {
  const { file } = Contents
  const debian = (name: string): Buffer => readFileSync(`deploy/debian/${name}`)
  const documents = Contents.documents().filter(({ path }) => path !== "CHANGELOG.md")
  const [bash, zsh, fish] = ["ptth", "_ptth", "ptth.fish"].map((name) =>
    companion(options, `completions/${name}`),
  ) as [Buffer, Buffer, Buffer]
  return [
    file("usr/bin/ptth", readFileSync(options.program), 0o755),
    ...Contents.samples.map((name) => file(`etc/ptth/${name}`, Contents.deployed(name))),
    ...Contents.units.map((name) => file(`lib/systemd/system/${name}`, Contents.deployed(name))),
    file("usr/share/bash-completion/completions/ptth", bash),
    file("usr/share/zsh/vendor-completions/_ptth", zsh),
    file("usr/share/fish/vendor_completions.d/ptth.fish", fish),
    file("usr/share/man/man1/ptth.1.gz", gzip(companion(options, "man/ptth.1"))),
    file("usr/share/doc/ptth/copyright", debian("copyright")),
    file("usr/share/doc/ptth/changelog.gz", gzip(changelog(options))),
    file("usr/share/doc/ptth/CHANGELOG.md.gz", gzip(readFileSync("CHANGELOG.md"))),
    ...documents.map((page) => file(`usr/share/doc/ptth/${page.path}`, page.content)),
    file(
      "usr/share/doc/ptth/THIRD_PARTY_LICENSES.gz",
      gzip(companion(options, "THIRD_PARTY_LICENSES")),
    ),
    file("usr/share/lintian/overrides/ptth", debian("ptth.lintian-overrides")),
    ...["postinst", "prerm", "postrm"].map((name) => file(`DEBIAN/${name}`, debian(name), 0o755)),
    file("DEBIAN/conffiles", Contents.samples.map((name) => `/etc/ptth/${name}\n`).join("")),
  ]
}

const links = Contents.programNames.flatMap((name) => [
  [`usr/bin/${name}`, "ptth"] as const,
  [`usr/share/man/man1/${name}.1.gz`, "ptth.1.gz"] as const,
])

/** Writes the package; `tree` is a folder for its files, which is removed. */
export const write = (options: DebianOptions, tree: string, output: string): void => {
  rmSync(tree, { recursive: true, force: true })
  let bytes = 0
  const put = (path: string, content: Buffer | string, mode: number): void => {
    const target = join(tree, path)
    mkdirSync(dirname(target), { recursive: true, mode: 0o755 })
    writeFileSync(target, content)
    chmodSync(target, mode)
    bytes += statSync(target).size
  }
  for (const { content, mode, path } of files(options)) put(path, content, mode)
  for (const [path, target] of links) symlinkSync(target, join(tree, path))
  const hashes = execFileSync(
    "sh",
    ["-c", "find . -type f -not -path './DEBIAN/*' -printf '%P\\0' | sort -z | xargs -0 md5sum"],
    { cwd: tree },
  )
  put("DEBIAN/md5sums", hashes, 0o644)
  put("DEBIAN/control", control(options, Math.ceil(bytes / 1024)), 0o644)
  const [method, level] = options.compression ?? ["xz", 6]
  execFileSync(
    "dpkg-deb",
    ["--root-owner-group", `-Z${method}`, `-z${level}`, "--build", tree, output],
    {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, SOURCE_DATE_EPOCH: `${options.time.getTime() / 1000}` },
    },
  )
  rmSync(tree, { recursive: true })
}

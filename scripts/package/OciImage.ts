/**
 * A container image as a file, by the OCI image layout
 * (https://github.com/opencontainers/image-spec, v1.1), without a daemon: the
 * C library of Debian's packages and the executable in one layer each.
 */
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { createWriteStream, readFileSync } from "node:fs"
import { buffer } from "node:stream/consumers"
import { pipeline } from "node:stream/promises"
import { gzipSync } from "node:zlib"
import { extract } from "tar-stream"
import * as Archives from "./Archives.ts"
import { file, type PackedFile } from "./Contents.ts"
import type { Architecture } from "./Release.ts"

/** What goes into an image. */
export interface ImageOptions {
  readonly version: string
  readonly architecture: Architecture
  /** The path of the executable. */
  readonly program: string
  readonly licenses: Buffer
  readonly time: Date
}

/** Debian's release, and its packages that the executable needs. */
const suite = "bookworm"
const packages = ["libc6", "libgcc-s1", "libstdc++6"]

/** The user of the image, and the folder that is its volume. */
const user = { name: "ptth", id: 1000 }
const volume = "etc/ptth"

/** The files of the packages that are loaded, and their licences. */
const isNeeded = (path: string): boolean =>
  /^(?:usr\/)?lib(?:64)?\/.*\.so(?:[.\d]*)$/.test(path)
    ? !/\/(?:gconv|audit|perl)\/|\/lib(?:BrokenLocale|SegFault|memusage|pcprofile|nsl|thread_db|anl|mvec)/.test(
        path,
      )
    : /^usr\/share\/doc\/[^/]+\/copyright$/.test(path)

interface Layer {
  readonly files: Array<PackedFile>
  readonly links: Array<Archives.PackedLink>
}

/** What is needed of Debian's packages, which `mmdebstrap` fetches and checks. */
const libraries = async (architecture: string): Promise<Layer> => {
  const archive = execFileSync(
    "mmdebstrap",
    [
      "--quiet",
      "--variant=extract",
      `--include=${packages.join(",")}`,
      `--architectures=${architecture}`,
      "--format=tar",
      suite,
      "-",
    ],
    { maxBuffer: 1024 * 1024 * 1024, stdio: ["ignore", "pipe", "inherit"] },
  )
  const layer: Layer = { files: [], links: [] }
  const entries = extract()
  entries.end(archive)
  for await (const entry of entries) {
    const path = entry.header.name.replace(/^\.\//, "")
    const content = await buffer(entry)
    if (entry.header.type === "symlink" && /^lib(?:64)?$/.test(path))
      layer.links.push({ path, target: entry.header.linkname ?? "" })
    if (!isNeeded(path)) continue
    if (entry.header.type === "symlink")
      layer.links.push({ path, target: entry.header.linkname ?? "" })
    if (entry.header.type === "file") layer.files.push(file(path, content, entry.header.mode))
  }
  return layer
}

const own = ({ licenses, program }: ImageOptions): Layer => ({
  files: [
    file("etc/passwd", `${user.name}:x:${user.id}:${user.id}::/${volume}:/usr/bin/ptth\n`),
    file("etc/group", `${user.name}:x:${user.id}:\n`),
    file("etc/nsswitch.conf", "hosts: files dns\n"),
    file("usr/bin/ptth", readFileSync(program), 0o755),
    file("usr/share/doc/ptth/LICENSE", readFileSync("LICENSE")),
    file("usr/share/doc/ptth/THIRD_PARTY_LICENSES", licenses),
  ],
  links: [],
})

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex")

/** A blob of the layout, with its type and digest. */
const descriptor = (mediaType: string, bytes: Buffer) => ({
  mediaType,
  digest: `sha256:${sha256(bytes)}`,
  size: bytes.length,
})

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))

const type = (name: string): string => `application/vnd.oci.image.${name}`

const configOf = (
  { architecture, time, version }: ImageOptions,
  layers: ReadonlyArray<Buffer>,
) => ({
  created: time.toISOString(),
  architecture,
  os: "linux",
  config: {
    User: `${user.id}:${user.id}`,
    Env: ["PTTH_RELAY_LISTEN=0.0.0.0:4000"],
    ExposedPorts: { "4000/tcp": {} },
    Volumes: { [`/${volume}`]: {} },
    WorkingDir: `/${volume}`,
    Entrypoint: ["/usr/bin/ptth"],
    Cmd: ["relay"],
    // Not in the specification; Docker and Podman use it.
    Healthcheck: {
      Test: ["CMD", "/usr/bin/ptth", "healthcheck"],
      Interval: 30e9,
      Timeout: 5e9,
      StartPeriod: 10e9,
    },
    Labels: {
      "org.opencontainers.image.title": "ptth",
      "org.opencontainers.image.version": version,
      "org.opencontainers.image.licenses": "MIT",
    },
  },
  rootfs: { type: "layers", diff_ids: layers.map((layer) => `sha256:${sha256(layer)}`) },
  history: layers.map(() => ({ created: time.toISOString(), created_by: "npm run build:image" })),
})

/** The layers of an image, as tar archives. */
export const layersOf = async (options: ImageOptions): Promise<ReadonlyArray<Buffer>> => {
  const { time } = options
  const folders = [
    { path: volume, mode: 0o755, owner: user.id },
    { path: `${volume}/servers.d`, mode: 0o750, owner: user.id },
    { path: "tmp", mode: 0o1777, owner: 0 },
  ]
  const base = await libraries(options.architecture)
  return [
    await buffer(Archives.tar({ ...base, time })),
    await buffer(Archives.tar({ ...own(options), folders, time })),
  ]
}

/** Writes the image to a file that `podman load`, `docker load` and `skopeo copy oci-archive:` read. */
export const write = async (options: ImageOptions, output: string): Promise<void> => {
  const layers = await layersOf(options)
  const packed = layers.map((layer) => gzipSync(layer, { level: 9 }))
  const config = json(configOf(options, layers))
  const manifest = json({
    schemaVersion: 2,
    mediaType: type("manifest.v1+json"),
    config: descriptor(type("config.v1+json"), config),
    layers: packed.map((layer) => descriptor(type("layer.v1.tar+gzip"), layer)),
  })
  const name = `ptth:${options.version}`
  const index = json({
    schemaVersion: 2,
    mediaType: type("index.v1+json"),
    manifests: [
      {
        ...descriptor(type("manifest.v1+json"), manifest),
        platform: { architecture: options.architecture, os: "linux" },
        annotations: { "org.opencontainers.image.ref.name": options.version },
      },
    ],
  })
  const blob = (bytes: Buffer): PackedFile => file(`blobs/sha256/${sha256(bytes)}`, bytes)
  // The form that `docker load` had before it knew the layout.
  const docker = json([
    {
      Config: blob(config).path,
      RepoTags: [name],
      Layers: packed.map((layer) => blob(layer).path),
    },
  ])
  const files = [
    file("oci-layout", json({ imageLayoutVersion: "1.0.0" })),
    file("index.json", index),
    file("manifest.json", docker),
    ...[manifest, config, ...packed].map(blob),
  ]
  await pipeline(Archives.tar({ files, time: options.time }), createWriteStream(output))
}

/**
 * Pictures of films, sounds and PDFs by programs that are installed: a frame
 * or the cover by ffmpeg, the first page by pdftoppm of Poppler. They get the
 * open file and nothing else: no format that refers to other files, no network,
 * bounded time and memory.
 */
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { memoize } from "../../domain/Memoize.ts"
import type { Kind } from "../types/Kind.ts"

/** How long a program may take, in milliseconds. */
const timeout = 30_000
/** The processor time that a program may take, in seconds. */
const maxSeconds = "8"
/** The memory that a program may take, in kibibytes of addresses: a page may hold a picture of any size. */
const maxMemory = 2 * 1024 * 1024
/** The largest picture that is taken from it, in bytes. */
const maxOutput = 16 * 1024 * 1024

/** Formats without playlists, which name other files (CVE-2016-1897 is of that kind). */
const formats =
  "mov,mp4,m4a,3gp,matroska,webm,avi,mpegts,mpeg,ogg,flac,mp3,wav,aac,flv,asf,aiff,ape,wv,gif"

/** The file is the program's fourth handle; as a path, so that it can be sought in. */
const input = process.platform === "linux" ? "/proc/self/fd/3" : "/dev/fd/3"

const guard = [
  ...["-nostdin", "-hide_banner", "-loglevel", "error", "-max_alloc", "268435456"],
  ...["-timelimit", maxSeconds],
  ...["-threads", "1", "-protocol_whitelist", "file", "-format_whitelist", formats],
]
const output = ["-frames:v", "1", "-f", "image2pipe", "-c:v", "mjpeg", "-q:v", "4", "pipe:1"]

const scaled = "scale='min(640,iw)':-2"

const commands: Readonly<
  Partial<Record<Kind, readonly [program: string, args: ReadonlyArray<string>]>>
> = {
  video: [
    "ffmpeg",
    [
      ...guard,
      ...["-skip_frame", "nokey", "-max_pixels", "100000000", "-i", `file:${input}`],
      ...["-an", "-sn", "-vf", `thumbnail=n=6,${scaled}`, ...output],
    ],
  ],
  audio: ["ffmpeg", [...guard, "-i", `file:${input}`, "-map", "0:v:0", "-vf", scaled, ...output]],
  pdf: ["pdftoppm", ["-jpeg", "-f", "1", "-l", "1", "-singlefile", "-scale-to", "640", input]],
}

const isExecutable = (file: string): boolean => {
  try {
    fs.accessSync(file, fs.constants.X_OK)
    return true
  } catch {
    return false
  }
}

const isInstalled = memoize((program) => {
  // A handle is passed by its path, which Windows does not have.
  if (process.platform === "win32") return false
  const folders = (process.env.PATH ?? "").split(path.delimiter).filter((folder) => folder !== "")
  return folders.some((folder) => isExecutable(path.join(folder, program)))
})

/** Whether a program is installed that makes pictures of files of this kind. */
export const makes = (kind: Kind): boolean => {
  const command = commands[kind]
  return command !== undefined && isInstalled(command[0])
}

/** Starts a program with less time and memory, by the shell: Node has no limits for other programs. */
const limited = [
  "-c",
  `ulimit -t ${maxSeconds} 2>/dev/null; ulimit -v ${maxMemory} 2>/dev/null; exec "$@"`,
  "sh",
]

/** A picture of an open file as JPEG, up to 640 pixels wide; `undefined` if there is none. The handle stays open. */
export const picture = (kind: Kind, handle: number): Promise<Uint8Array | undefined> =>
  new Promise((resolve) => {
    const command = commands[kind]
    if (command === undefined) return resolve(undefined)
    const { HOME, LD_LIBRARY_PATH, PATH } = process.env
    const child = spawn("/bin/sh", [...limited, command[0], ...command[1]], {
      stdio: ["ignore", "pipe", "ignore", handle],
      env: { HOME, LD_LIBRARY_PATH, PATH },
    })
    const chunks: Array<Buffer> = []
    let length = 0
    const timer = setTimeout(() => child.kill("SIGKILL"), timeout)
    child.stdout?.on("data", (chunk: Buffer) => {
      chunks.push(chunk)
      length += chunk.length
      if (length > maxOutput) child.kill("SIGKILL")
    })
    child.on("error", () => {
      clearTimeout(timer)
      resolve(undefined)
    })
    child.on("close", () => {
      clearTimeout(timer)
      resolve(length > 0 && length <= maxOutput ? Buffer.concat(chunks) : undefined)
    })
  })

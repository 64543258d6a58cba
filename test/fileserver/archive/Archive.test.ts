/**
 * Archives read back by independent readers: zip and tar files with large sizes, odd names and
 * late dates, and those of real folders.
 */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { crc32, inflateRawSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as tar from "tar-stream"
import type { Format, Item } from "../../../src/fileserver/archive/ArchiveFormat.ts"
import * as Tar from "../../../src/fileserver/archive/Tar.ts"
import * as Zip from "../../../src/fileserver/archive/Zip.ts"
import * as FileServer from "../../../src/fileserver/FileServer.ts"
import { callHandler, openHandler } from "../../support/callHandler.ts"
import {
  failing,
  openBelow,
  replaceFs,
  temporaryFolder,
  untilClosed,
} from "../../support/temporaryFolder.ts"

interface ZipEntry {
  readonly name: Buffer
  readonly utf8: boolean
  readonly size: number
  readonly crc: number
  readonly offset: number
  readonly seconds: number
  /** The time of NTFS in seconds since 1970. */
  readonly ntfsSeconds: number
  readonly year: number
  readonly version: number
  /** The type and permissions of Unix. */
  readonly mode: number
}

/** Reads the directory of a zip from its end, as every unpacker does. `start` is where `bytes` begins in the archive. */
const directoryOf = (bytes: Buffer, start = 0): ReadonlyArray<ZipEntry> => {
  const end = bytes.length - 22
  assert.strictEqual(bytes.readUInt32LE(end), 0x06054b50)
  let count = bytes.readUInt16LE(end + 10)
  let at = bytes.readUInt32LE(end + 16)
  if (bytes.readUInt32LE(end - 20) === 0x07064b50) {
    const record = Number(bytes.readBigUInt64LE(end - 12)) - start
    assert.strictEqual(bytes.readUInt32LE(record), 0x06064b50)
    count = Number(bytes.readBigUInt64LE(record + 32))
    at = Number(bytes.readBigUInt64LE(record + 48))
  }
  at -= start
  const entries: Array<ZipEntry> = []
  for (let i = 0; i < count; i++) {
    assert.strictEqual(bytes.readUInt32LE(at), 0x02014b50)
    let size = bytes.readUInt32LE(at + 24)
    let offset = bytes.readUInt32LE(at + 42)
    const nameLength = bytes.readUInt16LE(at + 28)
    const extraLength = bytes.readUInt16LE(at + 30)
    const extra = bytes.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength)
    let seconds = Number.NaN
    let ntfsSeconds = Number.NaN
    for (let x = 0; x < extra.length; x += 4 + extra.readUInt16LE(x + 2)) {
      if (extra.readUInt16LE(x) === 0x5455) seconds = extra.readInt32LE(x + 5)
      if (extra.readUInt16LE(x) === 0x000a) {
        ntfsSeconds = Number(extra.readBigUInt64LE(x + 12) / 10_000_000n) - 11_644_473_600
      }
      if (extra.readUInt16LE(x) === 1) {
        let value = x + 4
        if (size === 0xffffffff) {
          size = Number(extra.readBigUInt64LE(value))
          value += 16
        }
        if (offset === 0xffffffff) offset = Number(extra.readBigUInt64LE(value))
      }
    }
    entries.push({
      name: bytes.subarray(at + 46, at + 46 + nameLength),
      utf8: (bytes.readUInt16LE(at + 8) & 0x800) !== 0,
      size,
      crc: bytes.readUInt32LE(at + 16),
      offset,
      seconds,
      ntfsSeconds,
      year: (bytes.readUInt16LE(at + 14) >> 9) + 1980,
      version: bytes.readUInt16LE(at + 6),
      mode: bytes.readUInt16LE(at + 40),
    })
    at += 46 + nameLength + extraLength
  }
  return entries
}

const contentOf = (zip: Buffer, entry: ZipEntry): Buffer => {
  assert.strictEqual(zip.readUInt32LE(entry.offset), 0x04034b50)
  const at =
    entry.offset + 30 + zip.readUInt16LE(entry.offset + 26) + zip.readUInt16LE(entry.offset + 28)
  return entry.size === 0 ? Buffer.alloc(0) : inflateRawSync(zip.subarray(at))
}

/**
 * Reads a zip from its beginning, as readers of pipes do: each entry has to
 * mark its own end.
 */
const readForwards = (zip: Buffer): ReadonlyMap<string, Buffer> => {
  const files = new Map<string, Buffer>()
  let at = 0
  while (zip.readUInt32LE(at) === 0x04034b50) {
    const hasDescriptor = (zip.readUInt16LE(at + 6) & 8) !== 0
    const method = zip.readUInt16LE(at + 8)
    const nameLength = zip.readUInt16LE(at + 26)
    const name = zip.toString("utf8", at + 30, at + 30 + nameLength)
    const start = at + 30 + nameLength + zip.readUInt16LE(at + 28)
    assert.strictEqual(method, hasDescriptor ? 8 : 0, name)
    at = start
    if (method === 8) {
      const { buffer, engine } = inflateRawSync(zip.subarray(start), { info: true }) as unknown as {
        readonly buffer: Buffer
        readonly engine: { readonly bytesWritten: number }
      }
      const packed = engine.bytesWritten
      at += packed
      assert.strictEqual(zip.readUInt32LE(at), 0x08074b50, name)
      assert.strictEqual(zip.readUInt32LE(at + 4), crc32(buffer), name)
      assert.strictEqual(zip.readUInt32LE(at + 8), packed, name)
      assert.strictEqual(zip.readUInt32LE(at + 12), buffer.length, name)
      at += 16
      files.set(name, buffer)
    } else {
      files.set(name, Buffer.alloc(0))
    }
  }
  assert.strictEqual(zip.readUInt32LE(at), 0x02014b50, "the directory follows the last entry")
  return files
}

const untar = async (bytes: Buffer) => {
  const entries: Array<{ readonly header: tar.Header; readonly content: Buffer }> = []
  const extract = tar.extract()
  extract.on("entry", (header, stream, next) => {
    const chunks: Array<Buffer> = []
    stream.on("data", (chunk) => chunks.push(chunk as Buffer))
    stream.on("end", () => {
      entries.push({ header, content: Buffer.concat(chunks) })
      next()
    })
  })
  await pipeline(Readable.from([bytes]), extract)
  return entries
}

const item = (path: string, size: number, modified = 1_700_000_000_000): Item => ({
  path,
  folder: false,
  size,
  modified,
})

/** The length of content in stored blocks of DEFLATE (RFC 1951 3.2.4). */
const inBlocks = ({ size }: Item): number => size + 5 * Math.ceil(size / 65_535)

/** What stands around the files of an archive, and how long all of it is. */
const around = (format: Format, items: ReadonlyArray<Item>) => {
  const contentLength = format === Zip.format ? inBlocks : ({ size }: Item): number => size
  const writer = format.make()
  let length = 0
  const heads = items.map((one) => {
    const before = Buffer.from(writer.before(one))
    const offset = length
    const after = Buffer.from(writer.after(one))
    length += before.length + contentLength(one) + after.length
    return { before, after, offset }
  })
  const end = Buffer.concat(writer.end())
  return { heads, end, start: length, length: length + end.length }
}

const GiB = 1024 ** 3

describe("a zip", () => {
  it("stores sizes and offsets above 4 GiB, and has the predicted length", () => {
    const items = [
      item("small", 5),
      item("just below", 0xffffffff - 5 * 65_533 - 1),
      item("just at", 0xffffffff - 5 * 65_533),
      item("large", 7 * GiB + 3),
      item("after", 1),
      item("empty", 0),
    ]
    const { end, heads, length, start } = around(Zip.format, items)
    assert.strictEqual(Zip.format.length(items), length)
    const entries = directoryOf(end, start)
    assert.deepStrictEqual(
      entries.map(({ name, offset, size }) => [name.toString(), size, offset]),
      items.map((one, i) => [one.path, one.size, heads[i]?.offset]),
    )
    assert.deepStrictEqual(
      heads.map(({ after }) => after.length),
      [16, 16, 24, 24, 16, 0],
    )
    assert.deepStrictEqual(
      entries.map(({ version }) => version),
      [20, 20, 45, 45, 45, 45],
    )
  })

  it.each([65_534, 65_535, 65_536])("of %i files stores their count", (count) => {
    const items = Array.from({ length: count }, (_, i) => item(`f${i}`, 0))
    const { end, length, start } = around(Zip.format, items)
    assert.strictEqual(Zip.format.length(items), length)
    assert.strictEqual(directoryOf(end, start).length, count)
  })

  it("stores times that its original fields cannot", () => {
    for (const modified of [0, -86_400_000, Date.UTC(1979, 5, 1), Date.UTC(2037, 0, 1)]) {
      const { end, start } = around(Zip.format, [item("x", 1, modified)])
      assert.strictEqual(directoryOf(end, start)[0]?.seconds, modified / 1000)
    }
  })
})

describe("a zip of times beyond 2038", () => {
  it.each([2050, 2100, 2107])("has them in the fields that can hold them: %i", (year) => {
    const modified = Date.UTC(year, 5, 1)
    const { end, start } = around(Zip.format, [item("x", 1, modified)])
    const [entry] = directoryOf(end, start)
    assert.isNaN(entry?.seconds)
    assert.strictEqual(entry?.ntfsSeconds, modified / 1000)
    assert.strictEqual(entry?.year, year)
  })

  it.each([1e16, -1e16, 2 ** 62, -(2 ** 62)])("survives %d", (modified) => {
    const { length } = around(Zip.format, [item("x", 1, modified)])
    assert.strictEqual(Zip.format.length([item("x", 1, modified)]), length)
  })
})

describe("the paths of a zip", () => {
  const renamed = (...items: ReadonlyArray<Item>) =>
    Zip.format.rename(items).map(({ path }) => path)
  const folder = (path: string): Item => ({ ...item(path, 0), folder: true })

  it("have neither backslashes nor a drive letter, and lose no file", () => {
    assert.deepStrictEqual(
      renamed(
        folder("d"),
        item("d/a\\b.txt", 1),
        item("d/A_b.txt", 1),
        item("d/a_B (2).txt", 1),
        item("d/a/b\\", 1),
        folder("d/x\\..\\y"),
        item("d/x\\..\\y/in.txt", 1),
        folder("d/x\\..\\y/z\\"),
        item("d/x\\..\\y/z\\/in", 1),
        folder("d/x_.._y"),
        item("d/..\\", 1),
      ),
      [
        "d",
        "d/a_b (3).txt",
        "d/A_b.txt",
        "d/a_B (2).txt",
        "d/a/b_",
        "d/x_.._y (2)",
        "d/x_.._y (2)/in.txt",
        "d/x_.._y (2)/z_",
        "d/x_.._y (2)/z_/in",
        "d/x_.._y",
        "d/.._",
      ],
    )
    assert.deepStrictEqual(renamed(folder("C:"), item("C:/x", 1)), ["C_", "C_/x"])
    assert.deepStrictEqual(renamed(folder("d"), item("d/10:30", 1)), ["d", "d/10:30"])
  })
})

describe("a tar", () => {
  it("stores sizes of 8 GiB and more, and has the predicted length", async () => {
    const items = [item("below", 8 * GiB - 1), item("at", 8 * GiB), item("x".repeat(300), 9 * GiB)]
    const { heads, length } = around(Tar.format, items)
    assert.strictEqual(Tar.format.length(items), length)
    for (const [i, { before }] of heads.entries()) {
      const text = before.toString("latin1")
      const said = /\d+ size=(\d+)\n/.exec(text)?.[1]
      const header = before.subarray(-512)
      const octal = Number.parseInt(header.toString("latin1", 124, 135), 8)
      assert.strictEqual(said === undefined ? octal : Number(said), items[i]?.size)
    }
  })
})

const seed = () => {
  const base = temporaryFolder()
  const root = path.join(base, "root")
  const folder = path.join(root, "stuff")
  fs.mkdirSync(path.join(folder, "inner", "empty"), { recursive: true })
  fs.writeFileSync(path.join(base, "secret"), "SECRET")
  fs.writeFileSync(path.join(base, "hidden.toml"), "SECRET")
  fs.linkSync(path.join(base, "hidden.toml"), path.join(folder, "config.toml"))
  fs.writeFileSync(path.join(folder, ".dot"), "SECRET")
  fs.symlinkSync("../../secret", path.join(folder, "leaves"))
  fs.symlinkSync("nowhere", path.join(folder, "dangles"))
  fs.symlinkSync("..", path.join(folder, "inner", "round"))
  fs.symlinkSync("a.txt", path.join(folder, "stays"))
  const files: Record<string, Buffer> = {
    "a.txt": Buffer.from("hello"),
    "inner/größe 😀.bin": Buffer.alloc(300_001, "xyz"),
    "inner/none": Buffer.alloc(0),
    [`inner/${"long".repeat(50)}`]: Buffer.from("long"),
  }
  for (const [name, bytes] of Object.entries(files))
    fs.writeFileSync(path.join(folder, name), bytes)
  const raw = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0x72, 0xff, 0x77])])
  fs.writeFileSync(raw, "raw")
  fs.utimesSync(path.join(folder, "a.txt"), 1_000_000_000, 1_000_000_000)
  return {
    base,
    root,
    folder,
    files: { ...files, stays: Buffer.from("hello") } as Record<string, Buffer>,
  }
}

const serve = (root: string, hiddenFiles: ReadonlyArray<string> = []) =>
  Effect.runPromise(FileServer.make({ root, hiddenFiles }).pipe(Effect.provide(Logger.layer([]))))

describe("a folder as an archive", () => {
  it("as zip has every file under its exact name, and nothing that is not served", async () => {
    const { base, files, root } = seed()
    const handler = await serve(root, [path.join(base, "hidden.toml")])
    const answer = await callHandler(handler, { target: "/files/stuff/?archive=zip" })
    assert.strictEqual(answer.status, 200)
    assert.isUndefined(answer.failure)
    assert.strictEqual(answer.header("content-length"), String(answer.body.length))
    assert.strictEqual(answer.header("content-type"), "application/zip")
    assert.strictEqual(answer.header("content-disposition"), 'attachment; filename="stuff.zip"')
    const entries = directoryOf(answer.body)
    const names = entries.map(({ name }) => name.toString("latin1"))
    assert.sameMembers(names, [
      ...["", "inner/", "inner/empty/", "r\xffw"].map((name) => `stuff/${name}`),
      ...Object.keys(files).map((name) => Buffer.from(`stuff/${name}`).toString("latin1")),
    ])
    for (const entry of entries) {
      const name = entry.name.toString("latin1")
      const expected =
        name === "stuff/r\xffw"
          ? Buffer.from("raw")
          : (files[entry.name.toString().slice("stuff/".length)] ?? Buffer.alloc(0))
      assert.isTrue(contentOf(answer.body, entry).equals(expected), name)
      assert.strictEqual(entry.crc, crc32(expected), name)
      assert.strictEqual(entry.utf8, name !== "stuff/r\xffw")
    }
    assert.strictEqual(
      entries.find(({ name }) => name.toString() === "stuff/a.txt")?.seconds,
      1_000_000_000,
    )
    assert.notInclude(answer.body.toString("latin1"), "SECRET")
    const forwards = readForwards(answer.body)
    assert.strictEqual(forwards.size, entries.length)
    for (const [name, bytes] of Object.entries(files)) {
      assert.isTrue(forwards.get(`stuff/${name}`)?.equals(bytes), name)
    }
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("as tar has the same, for another reader", async () => {
    const { base, files, root } = seed()
    const handler = await serve(root, [path.join(base, "hidden.toml")])
    const answer = await callHandler(handler, { target: "/files/stuff/?archive=tar" })
    assert.strictEqual(answer.header("content-length"), String(answer.body.length))
    assert.isUndefined(answer.failure)
    const entries = await untar(answer.body)
    assert.sameMembers(
      entries.map(({ header }) => header.name),
      [
        ...["", "inner/", "inner/empty/", "r\ufffdw"].map((name) => `stuff/${name}`),
        ...Object.keys(files).map((name) => `stuff/${name}`),
      ],
    )
    for (const { content, header } of entries) {
      const expected = files[header.name.slice("stuff/".length)]
      if (expected !== undefined) assert.isTrue(content.equals(expected), header.name)
    }
    const text = entries.find(({ header }) => header.name === "stuff/a.txt")
    assert.strictEqual(text?.header.mtime?.getTime(), 1_000_000_000_000)
    assert.include(answer.body.toString("latin1"), "hdrcharset=BINARY")
    assert.include(answer.body.toString("latin1"), "path=stuff/r\xffw\n")
    assert.notInclude(answer.body.toString("latin1"), "SECRET")
  })

  it.skipIf(!fs.existsSync("/usr/bin/tar"))("as tar is unpacked by the system's tar", async () => {
    const { base, folder, root } = seed()
    const handler = await serve(root, [path.join(base, "hidden.toml")])
    const answer = await callHandler(handler, { target: "/files/stuff/?archive=tar" })
    const out = path.join(base, "out")
    fs.mkdirSync(out)
    execFileSync("/usr/bin/tar", ["-xf", "-", "-C", out], { input: answer.body })
    const names = fs.readdirSync(path.join(out, "stuff"), { encoding: "latin1" })
    assert.sameMembers(names, ["a.txt", "inner", "r\xffw", "stays"])
    const same = path.join("inner", "größe 😀.bin")
    assert.isTrue(
      fs
        .readFileSync(path.join(out, "stuff", same))
        .equals(fs.readFileSync(path.join(folder, same))),
    )
  })

  it.skipIf(process.platform === "win32")("keeps that a file can be executed", async () => {
    const { folder, root } = seed()
    fs.writeFileSync(path.join(folder, "run"), "#!/bin/sh\n", { mode: 0o700 })
    fs.writeFileSync(path.join(folder, "text"), "", { mode: 0o600 })
    const handler = await serve(root)
    const zip = await callHandler(handler, { target: "/files/stuff/?archive=zip" })
    const modes = new Map(
      directoryOf(zip.body).map(({ mode, name }) => [name.toString("latin1"), mode]),
    )
    assert.strictEqual(modes.get("stuff/run"), 0o100755)
    assert.strictEqual(modes.get("stuff/text"), 0o100644)
    assert.strictEqual(modes.get("stuff/inner/"), 0o040755)
    const tarball = await callHandler(handler, { target: "/files/stuff/?archive=tar" })
    for (const { header } of await untar(tarball.body)) {
      const isExecutable = header.type === "directory" || header.name === "stuff/run"
      assert.strictEqual(header.mode, isExecutable ? 0o755 : 0o644, header.name)
    }
  })

  it("is the same at any time, with the times of the folders in it", async () => {
    const { folder, root } = seed()
    const inside = ["", "inner", "inner/empty"]
    for (const [i, name] of inside.entries()) {
      fs.utimesSync(path.join(folder, name), 1e9 + i, 1e9 + i)
    }
    const handler = await serve(root)
    const zip = await callHandler(handler, { target: "/files/stuff/?archive=zip" })
    const zipped = new Map(directoryOf(zip.body).map(({ name, seconds }) => [`${name}`, seconds]))
    const tarred = new Map(
      (await untar((await callHandler(handler, { target: "/files/stuff/?archive=tar" })).body)).map(
        ({ header }) => [header.name, header.mtime?.getTime()],
      ),
    )
    for (const [i, name] of ["stuff/", "stuff/inner/", "stuff/inner/empty/"].entries()) {
      assert.strictEqual(zipped.get(name), 1e9 + i, name)
      assert.strictEqual(tarred.get(name), (1e9 + i) * 1000, name)
    }
  })

  it("answers HEAD without reading a file, and ignores other formats", async () => {
    const { root } = seed()
    const handler = await serve(root)
    const head = await callHandler(handler, { method: "HEAD", target: "/files/?archive=zip" })
    const get = await callHandler(handler, { target: "/files/?archive=zip" })
    assert.strictEqual(head.status, 200)
    assert.deepStrictEqual(head.headers, get.headers)
    const other = await callHandler(handler, { target: "/files/?archive=rar" })
    assert.strictEqual(other.header("content-type"), "text/html; charset=utf-8")
  })

  it("of 5 GiB has its length before a byte of the file is read", async () => {
    const root = temporaryFolder()
    fs.writeFileSync(path.join(root, "sparse"), "")
    fs.truncateSync(path.join(root, "sparse"), 5 * GiB)
    const handler = await serve(root)
    for (const form of ["zip", "tar"]) {
      const { body, head } = await openHandler(handler, { target: `/files/?archive=${form}` })
      const length = Number(head.headers.find(([name]) => name === "Content-Length")?.[1])
      assert.isAbove(length, 5 * GiB)
      const headers = form === "zip" ? 5 * Math.ceil((5 * GiB) / 65_535) : 0
      assert.isBelow(length, 5 * GiB + headers + 4096)
      assert.strictEqual(body.length, length)
      body.discard()
    }
    assert.deepStrictEqual(await untilClosed(root), [])
  })

  it("pauses, and stops reading the disk when the visitor leaves", async () => {
    const root = temporaryFolder()
    for (const name of ["a", "b", "c"]) {
      fs.writeFileSync(path.join(root, name), "")
      fs.truncateSync(path.join(root, name), GiB)
    }
    const handler = await serve(root)
    const read = fs.read
    let reads = 0
    replaceFs({
      read: ((...args: Parameters<typeof fs.read>) => {
        reads++
        return (read as (...args: ReadonlyArray<unknown>) => void)(...args)
      }) as unknown as typeof fs.read,
    })
    const { body, cancel } = await openHandler(handler, { target: "/files/?archive=zip" })
    let pieces = 0
    const half = Promise.withResolvers<void>()
    const flow = body.read({
      data: () => {
        pieces++
        if (pieces === 20) half.resolve()
        return pieces < 20
      },
      end: () => half.reject(new Error("it ended")),
      fail: half.reject,
    })
    await half.promise
    const before = reads
    for (let turn = 0; turn < 50; turn++) await fs.promises.stat(root)
    assert.isAtMost(reads - before, 1)
    assert.strictEqual(openBelow(root).length, 1, "the file that is being read")
    flow.cancel()
    cancel()
    assert.deepStrictEqual(await untilClosed(root), [])
    assert.isAtMost(reads - before, 1)
  })

  /** Two files of 400,000 bytes; the second one is changed when the first bytes arrive. */
  const changedMeanwhile = async (form: string, change: (file: string) => void) => {
    const root = temporaryFolder()
    for (const name of ["a", "b"]) {
      fs.writeFileSync(path.join(root, name), Buffer.alloc(400_000, "a"))
      fs.utimesSync(path.join(root, name), 1e9, 1e9)
    }
    const messages: Array<string> = []
    const logger = Logger.make(({ message }) => {
      messages.push(String(message))
    })
    const handler = await Effect.runPromise(
      FileServer.make({ root }).pipe(Effect.provide(Logger.layer([logger]))),
    )
    const { body } = await openHandler(handler, { target: `/files/?archive=${form}` })
    const chunks: Array<Uint8Array> = []
    const failure = await new Promise<unknown>((resolve) => {
      body.read({
        data: (chunk) => {
          if (chunks.length === 0) change(path.join(root, "b"))
          chunks.push(chunk)
          return true
        },
        end: () => resolve(undefined),
        fail: resolve,
      })
    })
    assert.deepStrictEqual(await untilClosed(root), [])
    return { bytes: Buffer.concat(chunks), failure, length: body.length, messages }
  }

  const replace = (file: string, content: Buffer): void => {
    fs.writeFileSync(`${file}.new`, content)
    fs.renameSync(`${file}.new`, file)
  }

  it.each([
    ["shrinks", (file: string) => fs.truncateSync(file, 1000)],
    ["vanishes", (file: string) => fs.rmSync(file)],
    ["is replaced by a longer one", (file: string) => replace(file, Buffer.alloc(400_001, "b"))],
    [
      "becomes a folder",
      (file: string) => {
        fs.rmSync(file)
        fs.mkdirSync(file)
      },
    ],
  ])("is cut off if a file %s meanwhile, and the log names it", async (_, change) => {
    for (const form of ["zip", "tar"]) {
      const { bytes, failure, length, messages } = await changedMeanwhile(form, change)
      assert.include(String(failure), "files/b", form)
      assert.isBelow(bytes.length, length as number)
      assert.strictEqual(messages.length, 1)
      assert.include(messages[0], "an archive was cut off at files/b")
    }
  })

  it.each([
    ["grows", (file: string) => fs.appendFileSync(file, "x".repeat(1000)), "a"],
    ["is rewritten", (file: string) => fs.writeFileSync(file, Buffer.alloc(400_000, "b")), "b"],
    [
      "is replaced by one of its length",
      (file: string) => replace(file, Buffer.alloc(400_000, "b")),
      "b",
    ],
  ])("is whole if a file %s meanwhile", async (_, change, content) => {
    for (const form of ["zip", "tar"]) {
      const { bytes, failure, length } = await changedMeanwhile(form, change)
      assert.isUndefined(failure, form)
      assert.strictEqual(bytes.length, length)
      const file =
        form === "zip"
          ? readForwards(bytes).get("files/b")
          : (await untar(bytes)).find(({ header }) => header.name === "files/b")?.content
      assert.isTrue(file?.equals(Buffer.alloc(400_000, content)), form)
    }
  })

  /** Lets system calls with paths that end so fail, since tests may run as root. */
  const forbid = (names: ReadonlyArray<string>): void => {
    const isForbidden = (file: unknown): boolean =>
      names.some((name) => String(file).endsWith(`/${name}`))
    const guarded = (call: unknown) =>
      ((...args: ReadonlyArray<unknown>) => {
        const used = isForbidden(args[0]) ? failing("EACCES") : call
        return (used as (...all: typeof args) => void)(...args)
      }) as never
    replaceFs({ access: guarded(fs.access), open: guarded(fs.open) })
  }

  it("has all that can be read, and names what cannot", async () => {
    const root = temporaryFolder()
    const folder = path.join(root, "d")
    fs.mkdirSync(path.join(folder, "locked"), { recursive: true })
    fs.mkdirSync(path.join(folder, "sub"))
    for (const name of ["a.txt", "b.txt", "c.txt", "locked/in", "sub/secret", "NOT INCLUDED.txt"]) {
      fs.writeFileSync(path.join(folder, name), name)
    }
    const handler = await serve(root)
    forbid(["b.txt", "locked", "secret"])
    const answer = await callHandler(handler, { target: "/files/d/?archive=zip" })
    assert.strictEqual(answer.header("content-length"), String(answer.body.length))
    const files = readForwards(answer.body)
    assert.sameMembers(
      [...files.keys()],
      ["d/", "d/a.txt", "d/c.txt", "d/sub/", "d/NOT INCLUDED.txt", "d/NOT INCLUDED_.txt"],
    )
    assert.strictEqual(
      files.get("d/NOT INCLUDED_.txt")?.toString(),
      `Not included in this archive:

d/b.txt: the server may not read it
d/locked/: the server may not read it
d/sub/secret: the server may not read it
`,
    )
    const tarred = await callHandler(handler, { target: "/files/d/?archive=tar" })
    assert.include(tarred.text, "d/locked/: the server may not read it")
    const head = await callHandler(handler, { method: "HEAD", target: "/files/d/?archive=zip" })
    assert.strictEqual(head.header("content-length"), answer.header("content-length"))
  })

  it("has a folder that links lead to where it really is, and names the links", async () => {
    const root = temporaryFolder()
    const folder = path.join(root, "d")
    fs.mkdirSync(path.join(folder, "v2", "sub"), { recursive: true })
    fs.mkdirSync(path.join(root, "other"))
    for (const name of ["d/v2/a.txt", "d/v2/sub/b.txt", "other/c.txt"])
      fs.writeFileSync(path.join(root, name), name)
    fs.symlinkSync("v2", path.join(folder, "latest"))
    fs.symlinkSync("../other", path.join(folder, "elsewhere"))
    fs.symlinkSync("..", path.join(folder, "v2", "round"))
    const handler = await serve(root)
    const answer = await callHandler(handler, { target: "/files/d/?archive=zip" })
    const files = readForwards(answer.body)
    assert.sameMembers(
      [...files.keys()],
      [
        ...["d/", "d/elsewhere/", "d/elsewhere/c.txt", "d/v2/", "d/v2/a.txt"],
        ...["d/v2/sub/", "d/v2/sub/b.txt", "d/NOT INCLUDED.txt"],
      ],
    )
    assert.strictEqual(
      files.get("d/NOT INCLUDED.txt")?.toString(),
      "Not included in this archive:\n\nd/latest/: it is the same folder as d/v2/\n",
    )
  })

  it("of a folder that may not be read is 403", async () => {
    const root = temporaryFolder()
    fs.mkdirSync(path.join(root, "locked"))
    const handler = await serve(root)
    forbid(["locked"])
    const answer = await callHandler(handler, { target: "/files/locked/?archive=zip" })
    assert.strictEqual(answer.status, 403)
  })

  it("has or names every file, however deep, and a search says that it is cut short", async () => {
    const root = temporaryFolder()
    const start = process.cwd()
    try {
      process.chdir(root)
      for (let depth = 0; depth < 60; depth++) {
        fs.writeFileSync(`f${depth}.txt`, "x")
        fs.mkdirSync(`d${depth}${"x".repeat(97)}`)
        process.chdir(`d${depth}${"x".repeat(97)}`)
      }
    } finally {
      process.chdir(start)
    }
    const handler = await serve(root)
    const names = await untar((await callHandler(handler, { target: "/files/?archive=tar" })).body)
    const files = names.filter(({ header }) => /\/f\d+\.txt$/.test(header.name)).length
    assert.isAtLeast(files, 30)
    const note = names.find(({ header }) => header.name === "files/NOT INCLUDED.txt")
    assert.match(
      `${note?.content}`,
      new RegExp(`/(?:d${files - 1}x|d${files}x|f${files}\\.)[^\n]*too long`),
    )
    const found = JSON.parse(
      (await callHandler(handler, { target: "/files/?json&q=.txt" })).text,
    ) as { readonly cut_short: boolean }
    assert.isTrue(found.cut_short)
    execFileSync("rm", ["-rf", root])
  })

  it("is 404 for anything but a folder inside", async () => {
    const { root } = seed()
    const handler = await serve(root)
    for (const target of ["/files/stuff/leaves/?archive=zip", "/files/absent/?archive=tar"]) {
      assert.strictEqual((await callHandler(handler, { target })).status, 404)
    }
  })
})

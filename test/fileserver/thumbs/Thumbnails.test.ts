/**
 * Thumbnails: sizes, formats, orientation, the cache, and pictures that are made to do harm.
 */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { deflateSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import sharp from "sharp"
import * as Query from "../../../src/fileserver/http/Query.ts"
import * as HiddenFiles from "../../../src/fileserver/root/HiddenFiles.ts"
import * as Root from "../../../src/fileserver/root/Root.ts"
import { FileRequest } from "../../../src/fileserver/send/FileRequest.ts"
import * as EmbeddedPreview from "../../../src/fileserver/thumbs/EmbeddedPreview.ts"
import { ThumbCache } from "../../../src/fileserver/thumbs/ThumbCache.ts"
import * as ThumbFormat from "../../../src/fileserver/thumbs/ThumbFormat.ts"
import { Thumbnails } from "../../../src/fileserver/thumbs/Thumbnails.ts"
import type { Handler } from "../../../src/transport/body/Handler.ts"
import { callHandler } from "../../support/callHandler.ts"
import { servedFolder } from "../../support/servedFolder.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const photo = (width = 1200, height = 800, orientation = 1): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: "#a04020" } })
    .withMetadata({ orientation })
    .jpeg()
    .toBuffer()

const site = (files: Parameters<typeof servedFolder>[0]) =>
  servedFolder(files, { thumbFolder: path.join(temporaryFolder(), "thumbs") })

/** A PNG of one colour whose head promises so many pixels. */
const bomb = (width: number, height: number): Buffer => {
  const crc = (bytes: Buffer): number => {
    let value = 0xffffffff
    for (const byte of bytes) {
      value ^= byte
      for (let i = 0; i < 8; i++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
    }
    return (value ^ 0xffffffff) >>> 0
  }
  const chunk = (type: string, content: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type), content])
    const head = Buffer.alloc(4)
    head.writeUInt32BE(content.length)
    const check = Buffer.alloc(4)
    check.writeUInt32BE(crc(body))
    return Buffer.concat([head, body, check])
  }
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width, 0)
  head.writeUInt32BE(height, 4)
  head.set([8, 2, 0, 0, 0], 8)
  return Buffer.concat([
    Buffer.from("89504e470d0a1a0a", "hex"),
    chunk("IHDR", head),
    chunk("IDAT", deflateSync(Buffer.alloc(1_000_000))),
    chunk("IEND", Buffer.alloc(0)),
  ])
}

describe("the format of a thumbnail", () => {
  it.each([
    [undefined, "auto"],
    ["*/*", "auto"],
    ["image/avif,image/webp,image/apng,image/*,*/*;q=0.8", "webp"],
    ["image/avif", "avif"],
    ["image/png;q=0.9, image/jpeg", "jpeg"],
    ["image/webp;q=0, image/png", "png"],
  ] as const)("for Accept: %s is %s", (accept, expected) => {
    assert.strictEqual(ThumbFormat.choose(accept), expected)
  })
})

describe("a thumbnail", () => {
  it("is small, upright, in the accepted format, and revalidated by its tag", async () => {
    const { get, head } = await site({
      "p.jpg": await photo(1200, 800, 6),
      "small.png": await sharp({
        create: { width: 40, height: 30, channels: 4, background: "#0000" },
      })
        .png()
        .toBuffer(),
    })
    for (const [accept, type] of [
      ["image/webp", "image/webp"],
      ["image/avif", "image/avif"],
      ["*/*", "image/jpeg"],
    ] as const) {
      const answer = await get("/files/p.jpg?thumb=160", [["Accept", accept]])
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(answer.header("content-type"), type)
      assert.strictEqual(answer.header("vary"), "Accept")
      const { height, width } = await sharp(answer.body).metadata()
      assert.deepStrictEqual([width, height], [107, 160])
      const etag = answer.header("etag") as string
      const again = await get("/files/p.jpg?thumb=160", [
        ["Accept", accept],
        ["If-None-Match", etag],
      ])
      assert.strictEqual(again.status, 304)
    }
    const small = await get("/files/small.png?thumb=640")
    assert.strictEqual(small.header("content-type"), "image/png")
    assert.strictEqual((await sharp(small.body).metadata()).width, 40)
    assert.strictEqual(
      (await get("/files/p.jpg?thumb=320&v=1")).header("cache-control"),
      "private, max-age=31536000, immutable",
    )
    assert.strictEqual((await head("/files/p.jpg?thumb=320")).body.length, 0)
    assert.strictEqual((await get("/files/p.jpg?thumb=100")).status, 400)
  })

  it("of a file without a picture, or of a broken one, is the icon of its kind", async () => {
    const { get } = await site({
      "a.txt": "x",
      "broken.jpg": Buffer.from("ffd8ffe0", "hex"),
      "wide.png": bomb(30_000, 30_000),
      "many.svg": `<svg xmlns="http://www.w3.org/2000/svg" width="30000" height="30000"><rect width="9" height="9"/></svg>`,
    })
    for (const name of ["a.txt", "broken.jpg", "wide.png"]) {
      const answer = await get(`/files/${name}?thumb=320`)
      assert.strictEqual(answer.status, 200, name)
      assert.strictEqual(answer.header("content-type"), "image/svg+xml", name)
      assert.isBelow(answer.body.length, 1_000)
    }
    assert.strictEqual((await get("/files/many.svg?thumb=320")).status, 200)
    assert.strictEqual((await get("/files/gone.jpg?thumb=320")).status, 404)
  })

  it("of the same picture is made once for all who wait, and is found on disk later", async () => {
    const folder = path.join(temporaryFolder(), "thumbs")
    const { base, get } = await servedFolder({ "p.jpg": await photo() }, { thumbFolder: folder })
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => get("/files/p.jpg?thumb=320", [["Accept", "image/webp"]])),
    )
    assert.lengthOf(new Set(answers.map(({ body }) => body.toString("base64"))), 1)
    assert.isString(base)
    const onDisk = (): ReadonlyArray<string> =>
      fs.existsSync(folder)
        ? fs
            .readdirSync(folder, { recursive: true, encoding: "utf8" })
            .filter((name) => name.endsWith(".webp"))
        : []
    while (onDisk().length === 0) await new Promise((resolve) => setImmediate(resolve))
    assert.lengthOf(onDisk(), 1)
  })
})

describe("a file that could not be opened", () => {
  it("gets a thumbnail when it is asked for again", async () => {
    const folder = fs.realpathSync(temporaryFolder())
    fs.writeFileSync(path.join(folder, "p.jpg"), await photo())
    const files = Root.make(folder, folder, "path", HiddenFiles.make([]))
    let isBusy = true
    const root: Root.Root = {
      ...files,
      open: (segments, done) =>
        isBusy ? done({ _tag: "Busy", detail: "" }) : files.open(segments, done),
    }
    const thumbs = new Thumbnails(root, new ThumbCache(path.join(folder, "thumbs")))
    const handler: Handler = (head, _, reply) => {
      const request = new FileRequest(head, "GET", Query.none, reply)
      files.open(["p.jpg"], (opened) => {
        assert.strictEqual(opened._tag, "File")
        if (opened._tag === "File") thumbs.send(request, ["p.jpg"], 160, opened)
      })
      return request.cancel
    }
    const type = async (): Promise<string | undefined> =>
      (await callHandler(handler, { target: "/p.jpg" })).header("content-type")
    assert.strictEqual(await type(), "image/svg+xml")
    isBusy = false
    assert.strictEqual(await type(), "image/jpeg")
  })
})

describe("the cache of thumbnails", () => {
  it("counts a thumbnail once that was stored several times", async () => {
    const folder = path.join(temporaryFolder(), "file")
    fs.writeFileSync(folder, "no folder")
    const cache = new ThumbCache(folder)
    const thumb = { type: "image/webp", bytes: Buffer.alloc(1_000_000) }
    await cache.put("first", thumb)
    for (let i = 0; i < 20; i++) await cache.put("again", thumb)
    assert.isDefined(await cache.get("first"))
    for (let i = 0; i < 8; i++) await cache.put(`other ${i}`, thumb)
    assert.isUndefined(await cache.get("again"))
  })

  it("keeps its files below the limit, those last used", async () => {
    const folder = path.join(temporaryFolder(), "thumbs")
    const cache = new ThumbCache(folder, 10_000)
    const sizes = (): ReadonlyArray<number> =>
      fs
        .readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => fs.statSync(path.join(entry.parentPath, entry.name)).size)
    for (let i = 0; i < 30; i++) {
      await cache.put(`${i.toString(16).padStart(2, "0")}ff`, {
        type: "image/webp",
        bytes: Buffer.alloc(1_000),
      })
    }
    assert.isAtMost(
      sizes().reduce((sum, size) => sum + size, 0),
      10_000,
    )
    assert.isDefined(await cache.get("1dff"))
    const other = new ThumbCache(folder)
    assert.isUndefined(await other.get("00ff"))
    assert.strictEqual((await other.get("1dff"))?.bytes.length, 1_000)
  })

  it("is in memory only with a limit of 0", async () => {
    const folder = path.join(temporaryFolder(), "thumbs")
    const cache = new ThumbCache(folder, 0)
    await cache.put("00ff", { type: "image/webp", bytes: Buffer.alloc(1_000) })
    assert.isDefined(await cache.get("00ff"))
    assert.isFalse(fs.existsSync(folder))
  })
})

const has = (program: string): boolean =>
  (process.env.PATH ?? "").split(":").some((folder) => fs.existsSync(path.join(folder, program)))

describe.skipIf(!has("ffmpeg"))("a thumbnail by ffmpeg (skipped where it is not installed)", () => {
  it("is a frame of a film; a playlist that names another file gives none", async () => {
    const folder = temporaryFolder()
    const film = path.join(folder, "film.webm")
    const make = "-v error -f lavfi -i color=red:duration=1:size=64x48:rate=5 -c:v libvpx -y"
    execFileSync("ffmpeg", [...make.split(" "), film])
    const { get } = await site({
      "film.webm": fs.readFileSync(film),
      "evil.webm": `#EXTM3U\n#EXTINF:1,\nfile://${film}\n`,
      "noise.mp3": "no sound",
    })
    const frame = await get("/files/film.webm?thumb=320", [["Accept", "image/png"]])
    assert.strictEqual(frame.header("content-type"), "image/png")
    const { channels } = await sharp(frame.body).stats()
    assert.isAbove(channels[0]?.mean ?? 0, 200)
    for (const name of ["evil.webm", "noise.mp3"]) {
      const answer = await get(`/files/${name}?thumb=320`)
      assert.strictEqual(answer.header("content-type"), "image/svg+xml", name)
    }
  })
})

describe("a camera's embedded preview", () => {
  it("is sent turned like the picture", async () => {
    const small = await sharp({ create: { width: 16, height: 8, channels: 3, background: "#fff" } })
      .jpeg()
      .toBuffer()
    // A block with the orientation 6 and a second directory that names the preview.
    const tiff = Buffer.alloc(60 + small.length)
    tiff.write("II*\0", 0, "latin1")
    const write = (at: number, tag: number, type: number, value: number): void => {
      tiff.writeUInt16LE(tag, at)
      tiff.writeUInt16LE(type, at + 2)
      tiff.writeUInt32LE(1, at + 4)
      tiff.writeUInt32LE(value, at + 8)
    }
    tiff.writeUInt32LE(8, 4)
    tiff.writeUInt16LE(1, 8)
    write(10, 0x0112, 3, 6)
    tiff.writeUInt32LE(26, 22)
    tiff.writeUInt16LE(2, 26)
    write(28, 0x0201, 4, 56)
    write(40, 0x0202, 4, small.length)
    small.copy(tiff, 56)
    const block = Buffer.concat([Buffer.from("Exif\0\0", "latin1"), tiff])
    const head = Buffer.from([
      0xff,
      0xd8,
      0xff,
      0xe1,
      (block.length + 2) >> 8,
      (block.length + 2) & 255,
    ])
    const preview = EmbeddedPreview.of(Buffer.concat([head, block, Buffer.from([0xff, 0xd9])]))
    assert.isDefined(preview)
    const { autoOrient, orientation } = await sharp(preview).metadata()
    assert.strictEqual(orientation, 6)
    assert.deepStrictEqual([autoOrient.width, autoOrient.height], [8, 16])
    assert.isUndefined(EmbeddedPreview.of(small))
    for (let cut = 0; cut < block.length; cut += 7) {
      assert.doesNotThrow(() => EmbeddedPreview.of(Buffer.concat([head, block.subarray(0, cut)])))
    }
  })
})

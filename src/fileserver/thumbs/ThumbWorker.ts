/**
 * The process that makes pictures smaller, with sharp. It is a process of its
 * own so that a picture made to exhaust memory or time ends only this process. It
 * watches its own memory and processor time, and the server ends it when it does
 * not answer.
 */
import type { Sharp } from "sharp"
import type { ThumbFormat } from "./ThumbFormat.ts"
import type { ThumbAnswer, ThumbJob } from "./ThumbJob.ts"

/** The most pixels of a JPEG, which libjpeg makes smaller while it decodes, and of others. */
const maxJpegPixels = 150_000_000
const maxPixels = 60_000_000
/** The most memory of this process, in bytes. */
const maxMemory = 600 * 1024 * 1024
/** The processor time that one picture may take, in microseconds: a busy machine is not the picture's fault. */
const maxTime = 8_000_000
const watchMillis = 50

const encoded = (image: Sharp, format: ThumbFormat, hasAlpha: boolean): Sharp => {
  switch (format) {
    case "webp":
      return image.webp({ quality: 50, effort: 3 })
    case "avif":
      return image.avif({ quality: 45, effort: 2 })
    case "png":
      return image.png({ compressionLevel: 8 })
    case "jpeg":
      return image.flatten({ background: "#fff" }).jpeg({ quality: 72, mozjpeg: true })
    case "auto":
      return encoded(image, hasAlpha ? "png" : "jpeg", hasAlpha)
  }
}

const make = async ({ bytes, format, size }: ThumbJob): Promise<ThumbAnswer> => {
  const sharp = await import("sharp").then((module) => module.default).catch(() => undefined)
  if (sharp === undefined) return "unusable"
  sharp.cache(false)
  sharp.concurrency(1)
  try {
    const isJpeg = bytes[0] === 0xff && bytes[1] === 0xd8
    const image = sharp(bytes, {
      limitInputPixels: isJpeg ? maxJpegPixels : maxPixels,
      failOn: "none",
      sequentialRead: true,
      pages: 1,
    })
    const { hasAlpha = false } = await image.metadata()
    const small = image
      .autoOrient()
      .resize({ width: size, height: size, fit: "inside", withoutEnlargement: true })
    const { data, info } = await encoded(small, format, hasAlpha).toBuffer({
      resolveWithObject: true,
    })
    return { type: info.format === "heif" ? "image/avif" : `image/${info.format}`, bytes: data }
  } catch {
    return "failed"
  }
}

const timeUsed = (): number => {
  const { system, user } = process.cpuUsage()
  return system + user
}

let startedAt = timeUsed()

process.on("message", (job: ThumbJob) => {
  startedAt = timeUsed()
  void make(job).then((answer) => process.send?.(answer))
})
process.on("disconnect", () => process.exit())
setInterval(() => {
  if (process.memoryUsage.rss() > maxMemory || timeUsed() - startedAt > maxTime) process.exit(1)
}, watchMillis).unref()

/**
 * Writes the audit log to the configured file: a line of JSON for each event,
 * written at once, rotated by size and reopened on SIGHUP. At the start the
 * log continues with the last events of the file.
 */
import { open } from "node:fs/promises"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as LogFile from "../settings/LogFile.ts"
import { RelaySettings } from "../settings/RelaySettings.ts"
import * as AuditLine from "./AuditLine.ts"
import { type AuditEntry, AuditLog, maxEntries } from "./AuditLog.ts"

/** The size above which a file is rotated, in bytes. */
const maxBytes = 10 * 1024 * 1024

/** How many rotated files are kept. */
const oldFiles = 4

/** How much of a file is read at the start, in bytes. */
const tailBytes = 1024 * 1024

/** The events at the end of a file; none if it cannot be read. */
const tailOf = async (path: string): Promise<ReadonlyArray<AuditEntry>> => {
  const file = await open(path, "r").catch(() => undefined)
  if (file === undefined) return []
  try {
    const stats = await file.stat()
    if (!stats.isFile()) return []
    const from = Math.max(0, stats.size - tailBytes)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(stats.size - from), {
      position: from,
    })
    // A line cut by the read or by a crash is skipped.
    return buffer
      .toString("utf8", 0, bytesRead)
      .split("\n")
      .map(AuditLine.fromLine)
      .filter((entry) => entry !== undefined)
  } catch {
    return []
  } finally {
    await file.close()
  }
}

const readBack = async (path: string): Promise<ReadonlyArray<AuditEntry>> => {
  const now = await tailOf(path)
  return now.length < maxEntries ? [...(await tailOf(`${path}.1`)), ...now] : now
}

/** Writes the log while the layer is alive. */
export const layer: Layer.Layer<never, never, RelaySettings | AuditLog> = Layer.effectDiscard(
  Effect.gen(function* () {
    const settings = yield* RelaySettings
    const audit = yield* AuditLog
    const { auditLog } = settings.current()
    if (auditLog !== undefined) audit.restore(yield* Effect.promise(() => readBack(auditLog)))
    yield* LogFile.follow({
      name: "audit log",
      unit: "events",
      rotate: { bytes: maxBytes, files: oldFiles },
      wanted: (config) => config.auditLog,
      isSame: (one, other) => one === other,
      pathOf: (path) => path,
      feed: (_path, append) => audit.listen((entry) => append(AuditLine.toLine(entry))),
    })
  }),
)

/**
 * Keeps the traffic of servers over restarts, in a database of SQLite. It is
 * written once a minute by one process.
 */
import { mkdirSync } from "node:fs"
import * as NodePath from "node:path"
import type { DatabaseSync } from "node:sqlite"
import { type Series, type SpanName, spanNames, spans, width } from "./Series.ts"

/** The name of the file in the folder of `state_dir`. */
const fileName = "traffic.sqlite"

const schema = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA busy_timeout = 1000;
  CREATE TABLE IF NOT EXISTS traffic (
    server TEXT NOT NULL,
    step INTEGER NOT NULL,
    start INTEGER NOT NULL,
    slot BLOB NOT NULL,
    PRIMARY KEY (server, step, start)
  ) WITHOUT ROWID;
`

/** The series of a server, and in which minutes it has changed, as times in milliseconds since 1970. */
export interface ChangedSeries {
  readonly server: string
  readonly series: Series
  readonly minutes: ReadonlySet<number>
}

/** See the file's header. All methods throw if the database cannot be used. */
export class HistoryStore {
  private readonly database: DatabaseSync

  private constructor(database: DatabaseSync) {
    this.database = database
  }

  /** Opens the database of a folder, and makes both if they are missing. */
  static async open(folder: string): Promise<HistoryStore> {
    const { DatabaseSync } = await import("node:sqlite")
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const database = new DatabaseSync(NodePath.join(folder, fileName))
    try {
      database.exec(schema)
    } catch (error) {
      database.close()
      throw error
    }
    return new HistoryStore(database)
  }

  /** Reads what is not too old at a time in milliseconds since 1970. */
  load(now: number, seriesOf: (server: string) => Series): void {
    const select = this.database.prepare(
      "SELECT server, start, slot FROM traffic WHERE step = ? AND start > ? ORDER BY start",
    )
    for (const name of spanNames) {
      const { slots, step } = spans[name]
      for (const row of select.iterate(step, now - slots * step)) {
        const { server, slot, start } = row
        if (
          typeof server !== "string" ||
          typeof start !== "number" ||
          !(slot instanceof Uint8Array)
        )
          continue
        if (slot.length !== 4 * width) continue
        // The memory of the row need not be aligned.
        seriesOf(server).rings[name].add(start, new Float32Array(slot.slice().buffer))
      }
    }
  }

  /** Writes what has changed, and removes what is too old at a time in milliseconds since 1970. */
  save(now: number, changed: Iterable<ChangedSeries>): void {
    const { database } = this
    const insert = database.prepare(
      "INSERT INTO traffic (server, step, start, slot) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET slot = excluded.slot",
    )
    const remove = database.prepare("DELETE FROM traffic WHERE step = ? AND start < ?")
    database.exec("BEGIN")
    try {
      for (const { minutes, series, server } of changed)
        for (const name of spanNames)
          for (const minute of minutes) {
            const { start, values } = series.rings[name].at(minute)
            insert.run(server, spans[name].step, start, bytesOf(values))
          }
      for (const name of spanNames) remove.run(spans[name].step, oldest(name, now))
      database.exec("COMMIT")
    } catch (error) {
      database.exec("ROLLBACK")
      throw error
    }
  }

  /** Removes all of servers that are not registered any more. */
  drop(servers: ReadonlyArray<string>): void {
    const remove = this.database.prepare("DELETE FROM traffic WHERE server = ?")
    for (const server of servers) remove.run(server)
  }

  close(): void {
    this.database.close()
  }
}

const oldest = (name: SpanName, now: number): number => now - spans[name].slots * spans[name].step

const bytesOf = ({ buffer, byteLength, byteOffset }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

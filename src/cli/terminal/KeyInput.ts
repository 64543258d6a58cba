/**
 * Reads single keys from a terminal. While it does, the terminal is in raw
 * mode, in which the keys for signals are keys like others: they have their
 * usual effect by the functions here. The mode is given back at every end of
 * the process that lets it run code.
 */
import { readFileSync } from "node:fs"
import type { ReadStream } from "node:tty"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** The keys for signals (POSIX, General Terminal Interface 11.1.9). */
const interruptKey = "\u0003"
const quitKey = "\u001c"
const suspendKey = "\u001a"

/**
 * Whether this process may change the terminal: one in the background would be
 * stopped by it. Only Linux tells without another process; elsewhere it is
 * taken to be in the foreground.
 */
const isInForeground = (): boolean => {
  if (process.platform !== "linux") return true
  try {
    const text = readFileSync("/proc/self/stat", "utf8")
    // After the name: state, ppid, pgrp, session, tty_nr, tpgid (proc_pid_stat(5)).
    const [, , group, , , foreground] = text.slice(text.lastIndexOf(")") + 2).split(" ")
    return group === foreground
  } catch {
    return false
  }
}

class KeyReader {
  private readonly input: ReadStream
  private readonly onKey: (key: string) => void
  private readonly onContinued: () => void
  private isReading = false

  constructor(input: ReadStream, onKey: (key: string) => void, onContinued: () => void) {
    this.input = input
    this.onKey = onKey
    this.onContinued = onContinued
  }

  readonly open = (): void => {
    process.on("SIGCONT", this.continued)
    process.on("exit", this.stop)
    this.start()
  }

  readonly close = (): void => {
    process.off("SIGCONT", this.continued)
    process.off("exit", this.stop)
    this.stop()
  }

  private start(): void {
    if (this.isReading || !isInForeground()) return
    this.isReading = true
    this.input.setRawMode(true)
    this.input.on("data", this.data)
    this.input.on("error", this.stop)
    this.input.resume()
  }

  private readonly stop = (): void => {
    if (!this.isReading) return
    this.isReading = false
    this.input.off("data", this.data)
    this.input.off("error", this.stop)
    this.input.pause()
    try {
      this.input.setRawMode(false)
    } catch {
      // The terminal is gone.
    }
  }

  private readonly continued = (): void => {
    this.start()
    this.onContinued()
  }

  private readonly data = (bytes: Buffer): void => {
    const text = bytes.toString("latin1")
    // Keys such as arrows send sequences, of which nothing is meant as a key here.
    const keys = text.startsWith("\u001b") ? "" : text
    for (const key of keys) this.press(key)
  }

  private press(key: string): void {
    switch (key) {
      case interruptKey:
        process.emit("SIGINT", "SIGINT")
        return
      case quitKey:
        this.stop()
        process.kill(process.pid, "SIGQUIT")
        return
      case suspendKey:
        this.stop()
        // The whole job, as the terminal itself does it: a shell waits for all of it.
        process.kill(0, "SIGTSTP")
        return
      default:
        this.onKey(key)
    }
  }
}

/**
 * Calls `onKey` with each key until the Scope is closed; whether keys are read.
 *
 * @param onContinued called when the process goes on after it was suspended
 */
export const read = (
  onKey: (key: string) => void,
  onContinued: () => void,
): Effect.Effect<boolean, never, Scope.Scope> =>
  Effect.suspend(() => {
    const input = process.stdin as ReadStream
    if (input.isTTY !== true || !isInForeground()) return Effect.succeed(false)
    return Effect.as(
      Effect.acquireRelease(
        Effect.sync(() => {
          const reader = new KeyReader(input, onKey, onContinued)
          reader.open()
          return reader
        }),
        (reader) => Effect.sync(reader.close),
      ),
      true,
    )
  })

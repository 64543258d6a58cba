/**
 * Runs {@link ThumbWorker}: started when it is needed, ended when it has been
 * idle for a while, killed when a picture takes too long.
 */
import { type ChildProcess, fork } from "node:child_process"
import * as os from "node:os"
import { fileURLToPath } from "node:url"
import type { Thumb, ThumbAnswer, ThumbJob } from "./ThumbJob.ts"

/**
 * How long one picture may take at most, in milliseconds. The process itself
 * counts its processor time; of that it gets little while others are busy,
 * since its priority is lower.
 */
const timeout = 180_000
/** How long an idle process is kept, in milliseconds. */
const idle = 10_000
/** The memory of JavaScript in the process, in megabytes; pictures are outside of it. */
const maxHeap = 64

// Like this file: .ts from source, .js once built.
const worker = fileURLToPath(
  new URL(
    import.meta.url.endsWith(".ts") ? "./ThumbWorker.ts" : "./ThumbWorker.js",
    import.meta.url,
  ),
)

/** The variables that are needed to find libraries, and none of the server's others. */
const environment = (): NodeJS.ProcessEnv => {
  const { HOME, LD_LIBRARY_PATH, PATH, SystemRoot } = process.env
  return { HOME, LD_LIBRARY_PATH, PATH, SystemRoot, UV_THREADPOOL_SIZE: "2" }
}

/** See the head of this file. It takes one picture at a time. */
export class ThumbProcess {
  private child: ChildProcess | undefined
  private done: ((answer: ThumbAnswer) => void) | undefined
  private timer: NodeJS.Timeout | undefined

  /** Makes a picture smaller. */
  run(job: ThumbJob): Promise<ThumbAnswer> {
    return new Promise((resolve) => {
      const child = this.child ?? this.start()
      this.done = resolve
      this.restartTimer(() => this.end("late"), timeout)
      child.send(job, (error) => {
        if (error !== null) this.end("failed")
      })
    })
  }

  private start(): ChildProcess {
    const child = fork(worker, [], {
      serialization: "advanced",
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      env: environment(),
      execArgv: [`--max-old-space-size=${maxHeap}`],
    })
    this.child = child
    child.unref()
    child.channel?.unref()
    if (child.pid !== undefined) {
      try {
        os.setPriority(child.pid, os.constants.priority.PRIORITY_BELOW_NORMAL)
      } catch {
        // It has ended already, or priorities cannot be set here.
      }
    }
    child.on("message", (answer: ThumbAnswer) => {
      if (this.child !== child) return
      this.restartTimer(() => this.end("failed"), idle)
      this.settle(answer)
    })
    const onOver = (): void => {
      if (this.child === child) this.end("failed")
    }
    child.on("error", onOver)
    child.on("exit", onOver)
    return child
  }

  private restartTimer(task: () => void, millis: number): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(task, millis)
    this.timer.unref()
  }

  private settle(answer: ThumbAnswer): void {
    const { done } = this
    this.done = undefined
    done?.(answer)
  }

  private end(answer: ThumbAnswer): void {
    clearTimeout(this.timer)
    const { child } = this
    this.child = undefined
    child?.kill("SIGKILL")
    this.settle(answer)
  }
}

/** Whether the answer is a picture. */
export const isThumb = (answer: ThumbAnswer | undefined): answer is Thumb =>
  typeof answer === "object"

/**
 * The worker thread of `Render.ts`. A file may take long to render, and the
 * memory of the libraries is freed with the thread.
 */
import { parentPort } from "node:worker_threads"
import * as Highlight from "./Highlight.ts"
import * as Markdown from "./Markdown.ts"

/** A text to render. */
export interface Job {
  readonly id: number
  readonly text: string
  /** A language for code, `undefined` for Markdown. */
  readonly language: string | undefined
}

/** The result; `html` is `undefined` if rendering failed. */
export interface Rendered {
  readonly id: number
  readonly html: string | undefined
  /** The processor time of the thread so far, in milliseconds. */
  readonly busyMillis: number
}

/** Sent once, when the libraries have been loaded. */
export type Ready = Pick<Rendered, "busyMillis">

const busyMillis = (): number => {
  const { system, user } = process.threadCpuUsage()
  return (system + user) / 1_000
}

const render = ({ language, text }: Job): string | undefined => {
  try {
    return language === undefined ? Markdown.toHtml(text) : Highlight.toHtml(text, language)
  } catch {
    return undefined
  }
}

parentPort?.on("message", (job: Job) => {
  const answer: Rendered = { id: job.id, html: render(job), busyMillis: busyMillis() }
  parentPort?.postMessage(answer)
})

const ready: Ready = { busyMillis: busyMillis() }
parentPort?.postMessage(ready)

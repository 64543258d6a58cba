/**
 * Renders texts, in a thread of its own: somebody's file may take long, and
 * the libraries for it take memory that leaves with the thread.
 */
import { parentPort } from "node:worker_threads"
import * as Highlight from "./Highlight.ts"
import * as Markdown from "./Markdown.ts"

/** What the thread is asked to render. */
export interface Job {
  readonly id: number
  readonly text: string
  /** A language for code, `undefined` for Markdown. */
  readonly language: string | undefined
}

/** What it answers; no `html` if it failed. */
export interface Rendered {
  readonly id: number
  readonly html: string | undefined
}

const render = ({ language, text }: Job): string | undefined => {
  try {
    return language === undefined ? Markdown.toHtml(text) : Highlight.toHtml(text, language)
  } catch {
    return undefined
  }
}

parentPort?.on("message", (job: Job) => {
  const answer: Rendered = { id: job.id, html: render(job) }
  parentPort?.postMessage(answer)
})

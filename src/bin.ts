#!/usr/bin/env node
/**
 * The command's entry: looks at Node's version before it loads anything that
 * needs a new one. It awaits nothing itself, because in the bundle the parts
 * that it loads share modules with it.
 */
import * as nodeModule from "node:module"
import { setFlagsFromString } from "node:v8"
import { entry } from "./domain/ErrorRegistry.ts"

const needed = 24
const major = Number(process.versions.node.split(".")[0])

/** What the bundle's loader does with compiled code; a start from the sources does without. */
interface CompiledCode {
  /** Uses what an earlier start has kept. */
  readonly open: () => void
  /** Keeps what this start has compiled, with the same flags of V8. */
  readonly keep: () => void
}

const compiledCode = (globalThis as { readonly [key: symbol]: CompiledCode | undefined })[
  Symbol.for("ptth.compiled")
]

const run = async (): Promise<void> => {
  if (process.argv.length === 3 && /^(?:--version|-v)$/.test(process.argv[2] ?? "")) {
    // Asked often and by scripts, so it does not wait for everything else to load.
    const { version } = await import("./cli/shared/Version.ts")
    process.stdout.write(`ptth ${version}\n`)
    return
  }
  const { enterPersonsFolder } = await import("./cli/shared/UserPaths.ts")
  enterPersonsFolder(process.env)
  // Grown by what the start allocates, the space of new objects would stay large; see HeapPolicy.ts.
  setFlagsFromString("--semi-space-growth-factor=1")
  const { apply: limitHeap } = await import("./cli/HeapPolicy.ts")
  limitHeap(compiledCode?.keep)
  if (compiledCode === undefined) nodeModule.enableCompileCache()
  else compiledCode.open()
  const { main } = await import("./cli/Main.ts")
  main(process.argv)
}

if (major < needed) {
  const { title, remedy } = entry("PTTH_NODE_TOO_OLD")
  process.stderr.write(`PTTH_NODE_TOO_OLD: Node ${process.versions.node}: ${title} ${remedy}\n`)
  process.exitCode = entry("PTTH_NODE_TOO_OLD").exit ?? 1
} else void run()

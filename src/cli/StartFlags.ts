/**
 * V8's settings for the start of the program, until it has work to do. What is
 * hot in the start is not worth the code of TurboFan, several MiB of Node's
 * program that would otherwise not be read; and a large space of new objects
 * would stay large. `bin.ts` sets them before it loads anything, and
 * `HeapPolicy.ts` ends them. Sparkplug and Maglev stay on: switched off for the
 * start, they never catch up, and a request takes half as much time again.
 */

/** The settings for the start. */
export const startFlags: ReadonlyArray<string> = [
  "--max-optimized-bytecode-size=0",
  "--semi-space-growth-factor=1",
]

/** V8's defaults for them. */
export const workFlags: ReadonlyArray<string> = [
  "--max-optimized-bytecode-size=61440",
  "--semi-space-growth-factor=2",
]

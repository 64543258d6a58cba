/**
 * Given to Node with `--import`, it has `ptth/server` and the other entries of
 * the library lead to their sources, so that a program which imports the package
 * runs before the package is built.
 */
import { registerHooks } from "node:module"

registerHooks({
  resolve: (specifier, context, next) => {
    const [, entry] = /^ptth\/(\w+)$/.exec(specifier) ?? []
    return entry === undefined
      ? next(specifier, context)
      : next(new URL(`../../src/${entry}/index.ts`, import.meta.url).href, context)
  },
})

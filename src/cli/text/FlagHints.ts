/**
 * Flags that other programs have, and what does the same here.
 */

const address = "--listen HOST:PORT"

const listening: { readonly [flag: string]: string } = {
  "--port": address,
  "-p": address,
  "--host": address,
  "--bind": address,
  "--address": address,
}

const byCommand: { readonly [command: string]: { readonly [flag: string]: string } | undefined } = {
  dev: listening,
  fileserver: listening,
  server: { "--port": "--to PORT", "-p": "--to PORT" },
  share: { "--port": "`ptth share PORT`", "-p": "`ptth share PORT`" },
}

/** What may be meant by a flag that a command does not have; `undefined` if that is not known. */
export const hintOf = (flag: string, command: string): string | undefined =>
  byCommand[command]?.[flag]

/**
 * The flags that several commands have, and how a flag beats the
 * configuration.
 */
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import type { Override } from "../../domain/config/ConfigDecode.ts"

/** An optional flag with a text. The help text names the default and the environment variable. */
export const text = (name: string, metavar: string, help: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(help), Flag.optional)

/** `--config-path`. */
export const configPath = (file: string) =>
  text(
    "config-path",
    "FILE",
    `Configuration (default ./${file}, then ./config/${file}; a missing named file is an error)`,
  )

/** `--asset-root`, which the original has. */
export const assetRoot = Flag.String("asset-root").pipe(
  Flag.withMetavar("DIR"),
  Flag.withDescription("Accepted for compatibility; pages are built in"),
  Flag.optional,
)

/** `--qr`. */
export const qr = Flag.Boolean("qr").pipe(
  Flag.withDescription("Show the address as a QR code, too (default off)"),
  Flag.withDefault(false),
)

/** `--print-config`. */
export const printConfig = Flag.Boolean("print-config").pipe(
  Flag.withDescription(
    "Print the configuration that would be in force, and where each value comes from, then end",
  ),
  Flag.withDefault(false),
)

/** `--no-wait`. */
export const noWait = Flag.Boolean("no-wait").pipe(
  Flag.withDescription(
    "End with exit code 4 if the relay does not know the key or its certificate is not trusted, instead of trying again (default off)",
  ),
  Flag.withDefault(false),
)

/** `--ca`. */
export const ca = (where: string) =>
  text("ca", "FILE", `Certificates (PEM) to trust besides the usual ones (${where})`)

/** `--insecure`. */
export const insecure = Flag.Boolean("insecure").pipe(
  Flag.withDescription(
    "Allow a plain http:// relay beyond this machine; shows the key to the network (default off)",
  ),
  Flag.withDefault(false),
)

/** What is logged when {@link assetRoot} is given. */
export const assetRootNote = "--asset-root has no effect: pages are built in"

/** The overrides that flags make: those of them that are given. */
export const overrides = (flags: {
  readonly [key: string]: Option.Option<unknown>
}): ReadonlyArray<Override> =>
  Object.entries(flags).flatMap(([key, option]) =>
    Option.match(option, {
      onNone: () => [],
      onSome: (value) => [
        { key, value, from: `--${key.replaceAll("_", "-")}`, by: "flag" as const },
      ],
    }),
  )

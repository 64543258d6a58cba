/**
 * `ptth share`, also as `ptth http`: flags and help. The work is in
 * `RunShare.ts`.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { shareKeys } from "../../domain/config/ServerKeys.ts"
import * as Flags from "../shared/Flags.ts"

/** The command. */
export const shareCommand = Command.make(
  "share",
  {
    target: Flags.pathArgument(
      "TARGET",
      "either",
      "What to share: a port of this machine, a folder, a single file, an address, or unix:PATH",
    ).pipe(Argument.optional),
    relay: Flags.text(
      "relay",
      "URL",
      "The relay (default: PTTH_RELAY, then `relay` in ~/.config/ptth/config.toml, then the one that was used last)",
    ),
    ticket: Flags.text(
      "ticket",
      "TICKET",
      "A ticket that `ptth relay invite` printed on the relay's machine: no approval is needed then",
    ),
    config: Flags.ofRows(shareKeys),
    noAuth: Flags.noAuth,
    noWait: Flags.noWait,
    insecure: Flags.insecure,
    qr: Flags.qr,
  },
  (flags) =>
    Effect.promise(() => import("../share/RunShare.ts")).pipe(
      Effect.flatMap(({ runShare }) => runShare(flags)),
    ),
).pipe(
  Command.withAlias("http"),
  Command.withDescription(
    "Share an application, a folder or a file through a relay, without a configuration. The relay is remembered, and of what was shared its name and key and what restricts visitors (--auth, --users-file, --hidden, --symlinks never, --no-archives), which stays in force until it is taken back (--no-auth). What opens it, such as --uploads, --manage and --share-links, has to be said each time. A relay that does not know the key shows six words to its administrator, who compares and approves them; a ticket makes that unnecessary. `ptth 3000` and `ptth http 3000` are the same as `ptth share 3000`",
  ),
  Command.withShortDescription("Share a port, a folder or a file through a relay"),
  Command.withExamples([
    { command: "ptth share 3000 --relay https://relay.example.com", description: "The first time" },
    { command: "ptth share ./Pictures --name pictures" },
    {
      command: "ptth share ./Pictures --auth me",
      description: "Asks visitors for a password, from now on",
    },
    { command: "ptth share http://192.168.1.5:8123/base" },
    { command: "ptth share unix:/run/app.sock --qr" },
  ]),
)

/**
 * `ptth relay invite`: flags and help. The work is in `RunInvite.ts`.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Flags from "../shared/Flags.ts"

/** The command. */
export const inviteCommand = Command.make(
  "invite",
  {
    name: Argument.String("NAME").pipe(Argument.withDescription("The name of the server to be")),
    expires: Flags.text(
      "expires",
      "TIME",
      "How long the ticket is good, up to 7 days (default 24 h)",
    ),
    relay: Flags.text(
      "relay",
      "URL",
      "The relay's address in the printed line (default: public_url, else where it listens)",
    ),
    replace: Flag.Boolean("replace").pipe(
      Flag.withDescription(
        "The name is registered already, and its key is to be replaced by that of whoever has the ticket (default off)",
      ),
      Flag.withDefault(false),
    ),
    configPath: Flags.configPath("ptth_relay.toml"),
  },
  (flags) =>
    Effect.promise(() => import("../control/RunInvite.ts")).pipe(
      Effect.flatMap(({ runInvite }) => runInvite(flags)),
    ),
).pipe(
  Command.withDescription(
    "Print a `ptth share` line with a ticket: whoever runs it serves under this name, once approved by the ticket alone. It is good once",
  ),
  Command.withShortDescription("Invite a server with a ticket"),
  Command.withExamples([{ command: 'ptth relay invite attic --expires "1 h"' }]),
)

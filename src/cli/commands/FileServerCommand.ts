/**
 * `ptth fileserver`: flags and help. The work is in `RunFileServer.ts`.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { fileKeys } from "../../domain/config/ServerKeys.ts"
import { allowedHosts } from "../shared/AllowedHosts.ts"
import * as Flags from "../shared/Flags.ts"

/** The command. */
export const fileServerCommand = Command.make(
  "fileserver",
  {
    folder: Flags.pathArgument(
      "DIR",
      "either",
      "The folder or single file to serve (default: the current folder)",
    ).pipe(Argument.optional),
    listen: Flags.text(
      "listen",
      "HOST:PORT",
      "The address to listen on; port 0 picks a free one (default 127.0.0.1:4000)",
    ),
    allowedHosts,
    relay: Flags.text(
      "relay",
      "URL",
      "Serve through this relay instead of on an address; needs --name, makes a key on first use and waits for approval (default off)",
    ),
    name: Flags.text("name", "NAME", "The server's name on the relay (with --relay)"),
    transport: Flags.text(
      "transport",
      "KIND",
      "How the relay is reached: stream, classic or auto (with --relay; default auto)",
    ),
    ca: Flags.ca("with --relay; default SSL_CERT_FILE"),
    noWait: Flags.noWait,
    insecure: Flags.insecure,
    auth: Flags.text(
      "auth",
      "USER",
      "Require this user name and the password whose hash is in PTTH_FILESERVER_AUTH_PASSWORD (default off)",
    ),
    files: Flags.ofRows(fileKeys),
    fileServerRoot: Flags.text("file-server-root", "DIR", "The same as DIR"),
    qr: Flags.qr,
    assetRoot: Flags.assetRoot,
  },
  (flags) =>
    Effect.promise(() => import("../run/RunFileServer.ts")).pipe(
      Effect.flatMap(({ runFileServer }) => runFileServer(flags)),
    ),
).pipe(
  Command.withDescription(
    "Serve a folder directly, or with --relay through a relay; read only unless --uploads or --manage is given",
  ),
  Command.withExamples([
    { command: "ptth fileserver ~/Pictures --listen 127.0.0.1:8080" },
    { command: "ptth fileserver ~/Pictures --relay https://relay.example.com --name attic" },
  ]),
)

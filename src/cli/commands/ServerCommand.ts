/**
 * `ptth server`: flags and help. The work is in `RunServer.ts`.
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as FileFlags from "../shared/FileFlags.ts"
import * as Flags from "../shared/Flags.ts"

/** The command. */
export const serverCommand = Command.make(
  "server",
  {
    configPath: Flags.configPath("ptth_server.toml"),
    name: Flags.text(
      "name",
      "NAME",
      "The name it is registered by (required; env PTTH_SERVER_NAME)",
    ),
    relayUrl: Flags.text(
      "relay-url",
      "URL",
      "The relay's address (required; env PTTH_SERVER_RELAY_URL)",
    ),
    fileServerRoot: Flags.text(
      "file-server-root",
      "DIR",
      "The folder to serve (default: the current one; env PTTH_SERVER_FILE_SERVER_ROOT)",
    ),
    ...FileFlags.make(true),
    to: Flags.text(
      "to",
      "PORT|URL",
      "Pass requests on to a local port or http://HOST:PORT instead of serving a folder (default off; env PTTH_SERVER_TO)",
    ),
    hostHeader: Flags.text(
      "host-header",
      "HOST",
      "The Host that --to is told (default: the visitor's; env PTTH_SERVER_HOST_HEADER)",
    ),
    auth: Flags.text(
      "auth",
      "USER",
      "Ask visitors for this user and the password hashed in auth_password (default off; env PTTH_SERVER_AUTH_USER)",
    ),
    ca: Flags.ca("default SSL_CERT_FILE; env PTTH_SERVER_CA"),
    transport: Flags.text(
      "transport",
      "KIND",
      "How to reach the relay: stream (one WebSocket), classic (plain requests) or auto, which is stream where it is possible (default auto; env PTTH_SERVER_TRANSPORT)",
    ),
    connections: Flag.Int("connections").pipe(
      Flag.withMetavar("N"),
      Flag.withDescription(
        "How many stream links are kept (default 2; env PTTH_SERVER_CONNECTIONS)",
      ),
      Flag.optional,
    ),
    throttleUpload: Flag.Boolean("throttle-upload").pipe(
      Flag.withDescription(
        "Hold each response to 1 MiB a second (default off; env PTTH_SERVER_THROTTLE_UPLOAD)",
      ),
      Flag.optional,
    ),
    autoGenKey: Flag.Boolean("auto-gen-key").pipe(
      Flag.withDescription("If there is no configuration, make one with a new key (default off)"),
      Flag.withDefault(false),
    ),
    printTripcode: Flag.Boolean("print-tripcode").pipe(
      Flag.withDescription("Print what the relay's configuration needs, and stop (default off)"),
      Flag.withDefault(false),
    ),
    insecure: Flags.insecure,
    noWait: Flags.noWait,
    qr: Flags.qr,
    assetRoot: Flags.assetRoot,
    printConfig: Flags.printConfig,
  },
  (flags) =>
    Effect.promise(() => import("../run/RunServer.ts")).pipe(
      Effect.flatMap(({ runServer }) => runServer(flags)),
    ),
).pipe(
  Command.withDescription(
    "Serve a folder, or an application on a local port, through a relay, making outgoing requests only. The key comes from the configuration or PTTH_SERVER_API_KEY, never from a flag. Every key of the configuration also is an environment variable PTTH_SERVER_KEY; flags beat variables, which beat the file",
  ),
  Command.withShortDescription("Serve a folder or a local port through a relay"),
  Command.withExamples([
    { command: "ptth server --file-server-root ~/Pictures" },
    { command: "ptth server --to 3000", description: "An application on a local port" },
    {
      command: "ptth server --auto-gen-key --name attic --print-tripcode",
      description: "Make a key, and show what to give to the relay's administrator",
    },
  ]),
)

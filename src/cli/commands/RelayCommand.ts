/**
 * `ptth relay`: flags and help. The work is in `RunRelay.ts`, which is loaded
 * only when it is wanted.
 */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Flags from "../shared/Flags.ts"
import { approveCommand } from "./ApproveCommand.ts"

/** The command. */
export const relayCommand = Command.make(
  "relay",
  {
    configPath: Flags.configPath("ptth_relay.toml"),
    listen: Flags.text(
      "listen",
      "HOST:PORT",
      "Address to listen on; beats --port (default 127.0.0.1:4000; env PTTH_RELAY_LISTEN)",
    ),
    port: Flags.text(
      "port",
      "PORT",
      "Port to listen on; 0 picks a free one (default 4000; env PTTH_RELAY_PORT)",
    ),
    publicUrl: Flags.text(
      "public-url",
      "URL",
      "Where visitors reach the relay (default: not known; env PTTH_RELAY_PUBLIC_URL)",
    ),
    adminListen: Flags.text(
      "admin-listen",
      "HOST:PORT",
      "Address of the administrator's pages and API, or false for none (default 127.0.0.1:4001; env PTTH_RELAY_ADMIN_LISTEN)",
    ),
    domain: Flags.text(
      "domain",
      "DOMAIN",
      "Give each server a host of its own below this domain (default none; env PTTH_RELAY_DOMAIN)",
    ),
    tlsCert: Flags.text(
      "tls-cert",
      "FILE",
      "Speak TLS with this certificate, PEM (default none; env PTTH_RELAY_TLS_CERT)",
    ),
    tlsKey: Flags.text(
      "tls-key",
      "FILE",
      "The certificate's key, PEM (default none; env PTTH_RELAY_TLS_KEY)",
    ),
    assetRoot: Flags.assetRoot,
    printConfig: Flags.printConfig,
  },
  (flags) =>
    Effect.promise(() => import("../run/RunRelay.ts")).pipe(
      Effect.flatMap(({ runRelay }) => runRelay(flags)),
    ),
).pipe(
  Command.withDescription(
    "Run a relay: visitors come to it, and servers behind firewalls connect to it. Every key of the configuration but the tables also is an environment variable PTTH_RELAY_KEY; flags beat variables, which beat the file",
  ),
  Command.withShortDescription("Run a relay"),
  Command.withSubcommands([approveCommand]),
  Command.withExamples([
    { command: "ptth relay", description: "On this machine only, with ./ptth_relay.toml" },
    { command: "ptth relay --listen 0.0.0.0:4000", description: "On every address" },
  ]),
)

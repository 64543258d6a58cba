/**
 * All errors that users see, by their stable codes: what happened, what to do,
 * the status that a visitor gets and the code with which a process exits.
 *
 * `docs/errors.md` lists the same codes; a test compares the two.
 */

/** What does not change from one occurrence of an error to the next. */
export interface ErrorEntry {
  /** One sentence: what happened. */
  readonly title: string
  /** One sentence: what to do. */
  readonly remedy: string
  /** One sentence: what the owner of the relay or server can do, where that differs from what a visitor can do. */
  readonly ownerRemedy?: string
  /** The HTTP status, for errors that a visitor or server gets as a response. */
  readonly status?: number
  /** The exit code, for errors that end a process: 1 runtime, 2 usage or configuration, 3 cannot listen, 4 the relay refuses the key, or its certificate is not accepted. */
  readonly exit?: number
  /** Set if the detail of an occurrence is for the owner's log only, because strangers read responses. */
  readonly isDetailPrivate?: true
  /** Set for errors that a running server only logs, because it tries again. */
  readonly isLogged?: true
}

const entries = {
  PTTH_BAD_REQUEST: {
    status: 400,
    title: "The request is not well-formed HTTP.",
    remedy: "Send the request with a conforming HTTP client.",
  },
  PTTH_AUTH_REQUIRED: {
    status: 401,
    title: "You have to sign in.",
    remedy:
      "Use the user name and password, or the token, that you got from the server's owner or the relay's administrator.",
  },
  PTTH_NOT_ADMITTED: {
    status: 403,
    title: "You are not allowed to use this server.",
    remedy: "Sign in where this site asks you to, or ask the relay's administrator for access.",
  },
  PTTH_ACCOUNT_REFUSED: {
    status: 403,
    title: "Your account may not use this site.",
    remedy:
      "Sign out and sign in with another account, or ask the relay's administrator for access.",
    ownerRemedy: "Add the address or a group of the account to `allow`.",
  },
  PTTH_SIGN_IN_REQUIRED: {
    status: 401,
    title: "You have to sign in with a browser.",
    remedy:
      "Open the address in a browser; for programs, ask the relay's administrator for a token.",
  },
  PTTH_SIGN_IN_FAILED: {
    status: 400,
    title: "Signing in did not succeed.",
    remedy: "Open the address that you wanted once more, or ask the relay's administrator.",
    ownerRemedy:
      "Look at the relay's log and audit log, and compare [oidc] with the provider's settings for this relay.",
  },
  PTTH_SIGN_IN_UNAVAILABLE: {
    status: 503,
    exit: 2,
    title: "Signing in is not possible at the moment.",
    remedy: "Try again in a moment.",
    ownerRemedy: "Look at the relay's log, and at the provider that `issuer` in [oidc] names.",
  },
  PTTH_LOGIN_REQUIRED: {
    status: 401,
    title: "You are not logged in.",
    remedy: "Open the login link that the relay printed when it started.",
  },
  PTTH_CROSS_SITE: {
    status: 403,
    title: "This request does not come from the administrator's pages.",
    remedy:
      "Use the pages themselves, or the API with a token; behind a proxy, set admin_url to the address in the browser.",
  },
  PTTH_UPLOAD_REFUSED: {
    status: 403,
    title: "This upload is not allowed.",
    remedy: "Use another folder or name, or ask the server's owner to allow it.",
  },
  PTTH_CHANGE_REFUSED: {
    status: 403,
    title: "This change is not allowed.",
    remedy: "Ask the server's owner to allow it.",
    ownerRemedy: "Use manage and manage_folders in the server's configuration.",
  },
  PTTH_NOT_READABLE: {
    status: 403,
    title: "The server may not read this file or folder.",
    remedy: "Ask the server's owner to make it readable.",
    ownerRemedy: "Let the account under which the server runs read it.",
  },
  PTTH_UNKNOWN_SERVER: {
    status: 404,
    title: "Unknown server.",
    remedy: "Check the name in the address.",
    ownerRemedy: "Register the server in the relay's configuration.",
  },
  PTTH_NOT_FOUND: {
    status: 404,
    title: "There is nothing at this address.",
    remedy: "Check the address.",
  },
  PTTH_METHOD_NOT_ALLOWED: {
    status: 405,
    title: "This method is not allowed here.",
    remedy: "Use one of the methods in the Allow field.",
  },
  PTTH_SHARE_ENDED: {
    status: 410,
    title: "This link has ended.",
    remedy: "Ask whoever sent it for a new one.",
  },
  PTTH_ALREADY_REGISTERED: {
    status: 409,
    exit: 2,
    title: "The server is already registered, and its registration is not replaced.",
    remedy: "Edit its entry in the relay's configuration; `tripcode` can be a list of several.",
  },
  PTTH_CANNOT_CHANGE: {
    status: 409,
    title: "The server's registration was not changed.",
    remedy: "Look at the server's settings again, or edit its entry in the relay's configuration.",
  },
  PTTH_UPLOAD_EXISTS: {
    status: 409,
    title: "A file or folder of this name already exists.",
    remedy: "Choose another name, or ask the server's owner to allow uploads to overwrite.",
  },
  PTTH_NO_PARENT: {
    status: 409,
    title: "The folder above does not exist.",
    remedy: "Make it first.",
  },
  PTTH_UPLOAD_OFFSET: {
    status: 409,
    title: "The upload has to continue at another byte.",
    remedy: "Ask with HEAD how much has arrived, and continue from there.",
  },
  PTTH_UPLOAD_CHECKSUM: {
    status: 460,
    title: "The bytes do not have the checksum that was sent with them.",
    remedy: "Send these bytes again.",
  },
  PTTH_UPLOAD_CONDITION: {
    status: 412,
    title: "The file is not in the state that the upload requires.",
    remedy: "Look at the file, and send the upload again if it should still be replaced.",
  },
  PTTH_CHANGE_CONDITION: {
    status: 412,
    title: "The file or folder is not in the state that the change requires.",
    remedy: "Look at it again, and choose another name or allow it to be replaced.",
  },
  PTTH_BODY_TOO_LARGE: {
    status: 413,
    title: "The request body is larger than the relay allows.",
    remedy: "Send a smaller body.",
    ownerRemedy: "Raise max_body in the relay's configuration.",
  },
  PTTH_UPLOAD_TOO_LARGE: {
    status: 413,
    title: "The file is too large to upload.",
    remedy: "Send a smaller file.",
    ownerRemedy: "Raise uploads_max in the server's configuration.",
  },
  PTTH_WRONG_HOST: {
    status: 421,
    title: "This host is not served here.",
    remedy:
      "Use an IP address, localhost or a name without a dot. Or allow the host: by admin_url for a relay's administrator's pages, by --allowed-hosts for `ptth dev` and `ptth fileserver`.",
  },
  PTTH_NOT_HERE: {
    status: 421,
    title: "This host needs a connection of its own.",
    remedy: "Open the address again.",
  },
  PTTH_BAD_APPROVAL: {
    status: 422,
    exit: 2,
    title: "This name or tripcode cannot be registered.",
    remedy:
      "Copy both as the server printed them, or choose another name: letters, digits, `-` and `_`.",
  },
  PTTH_LOCKED: {
    status: 423,
    title: "The file or folder is locked.",
    remedy: "Wait until the other client has unlocked it; a lock lasts an hour at most.",
  },
  PTTH_TOO_MANY_REQUESTS: {
    status: 429,
    title: "There were too many requests.",
    remedy: "Wait for the number of seconds in Retry-After, or ask the relay's administrator.",
  },
  PTTH_TOO_MANY_LINKS: {
    status: 429,
    title: "The server has reached its limit of links to the relay.",
    remedy:
      "Stop processes that are not needed, check whether somebody else uses the key, or raise max_links in the relay's configuration.",
  },
  PTTH_HEAD_TOO_LARGE: {
    status: 431,
    title: "The request head is too large.",
    remedy: "Send fewer or shorter header fields, or use a shorter address.",
  },
  PTTH_METHOD_UNKNOWN: {
    status: 501,
    title: "This method can be passed on only with a small request on a connection of its own.",
    remedy: "Send the request whole, with a body of at most 64 KiB, on a new connection.",
  },
  PTTH_NO_UPGRADE: {
    status: 501,
    title: "The server's connection to the relay cannot carry WebSockets.",
    remedy: "Ask the server's owner to connect it by stream.",
    ownerRemedy:
      "Use the transport stream or auto, and let every proxy between server and relay pass WebSockets.",
  },
  PTTH_NO_PASSTHROUGH: {
    status: 502,
    title: "The server does not accept TLS connections that the relay passes on.",
    remedy: "Ask the server's owner to look at the server's log.",
    ownerRemedy:
      "Give the server `tls_cert` and `tls_key` and the transport stream, with a version that supports them.",
  },
  PTTH_UNKNOWN_PREFIX: {
    status: 501,
    title: "The application does not know the path at which you see it.",
    remedy: "Ask the server's owner for an address at a host of its own.",
    ownerRemedy:
      "Use the server's own host, or mount the application at the visitors' path and add that path to `to`.",
  },
  PTTH_OTHER_SERVER: {
    status: 502,
    title: "A resource cannot be copied or moved to another server.",
    remedy: "Download it from one server and upload it to the other.",
  },
  PTTH_BAD_ANSWER: {
    status: 502,
    title: "The server sent an invalid HTTP response.",
    remedy: "Ask the server's owner to look at the application behind it.",
  },
  PTTH_LINK_LOST: {
    status: 502,
    title: "The connection to the server was lost before it responded.",
    remedy: "Try again, but a request that changes something may already have been carried out.",
  },
  PTTH_ORIGIN_DOWN: {
    status: 502,
    isDetailPrivate: true,
    title: "The tunnel works, but the application behind the server cannot be reached.",
    remedy: "Ask the server's owner to start the application that `--to` names.",
  },
  PTTH_ORIGIN_BROKEN: {
    status: 502,
    isDetailPrivate: true,
    title: "The application behind the server closed the connection before it responded.",
    remedy: "Ask the server's owner to look at the application's log.",
  },
  PTTH_ORIGIN_TLS: {
    status: 502,
    isDetailPrivate: true,
    title: "No TLS connection to the application behind the server can be made.",
    remedy:
      "Ask the server's owner to correct `http://` or `https://` in `--to`, or to give the application's certificate with `--to-ca`.",
  },
  PTTH_ORIGIN_CUT: {
    status: 502,
    isDetailPrivate: true,
    title: "The application behind the server ended a response before it was complete.",
    remedy: "Ask the server's owner to look at the application's log.",
  },
  PTTH_SERVER_OFFLINE: {
    status: 503,
    title: "The server is not connected to the relay.",
    remedy: "Try again in a moment, or ask the server's owner to start it.",
  },
  PTTH_SERVER_PAUSED: {
    status: 503,
    title: "The server is paused.",
    remedy: "Try again later.",
    ownerRemedy: "Let the relay's administrator resume it.",
  },
  PTTH_QUEUE_FULL: {
    status: 503,
    title: "Too many requests are waiting for this server.",
    remedy: "Try again in a moment.",
  },
  PTTH_DRAINING: {
    status: 503,
    title: "The relay is shutting down.",
    remedy: "Try again in a moment.",
  },
  PTTH_NO_ANSWER: {
    status: 504,
    title: "Remote server never responded.",
    remedy: "Try again later.",
    ownerRemedy: "Look at the application, or raise response_timeout if it needs longer.",
  },
  PTTH_LOOP: {
    status: 508,
    title: "The request is in a forwarding loop.",
    remedy: "Ask the server's owner to let `--to` name an application, not the relay itself.",
  },
  PTTH_DISK_FULL: {
    status: 507,
    title: "The server's disk is full.",
    remedy: "Ask the server's owner to free space.",
  },
  PTTH_CANNOT_APPROVE: {
    status: 500,
    exit: 1,
    title: "The approval could not be applied.",
    remedy: "Let the relay write to servers.d beside its configuration, and run `ptth check`.",
  },
  PTTH_INTERNAL: {
    status: 500,
    exit: 1,
    title: "PTTH itself failed.",
    remedy: "Report this together with the log lines around it.",
  },
  PTTH_USAGE: {
    exit: 2,
    title: "The command line is invalid.",
    remedy: "See `ptth --help`.",
  },
  PTTH_CONFIG_MISSING: {
    exit: 2,
    title: "The configuration file does not exist.",
    remedy: "Check the path.",
  },
  PTTH_CONFIG_UNREADABLE: {
    exit: 2,
    title: "The configuration file cannot be read.",
    remedy: "Check the file's owner and permissions.",
  },
  PTTH_CONFIG_SYNTAX: {
    exit: 2,
    title: "The configuration file is not valid TOML.",
    remedy: "Correct the line that is named.",
  },
  PTTH_CONFIG_UNKNOWN_KEY: {
    exit: 2,
    title: "The configuration has a key that does not exist.",
    remedy: "Remove it, or use the suggested name.",
  },
  PTTH_CONFIG_INVALID: {
    exit: 2,
    title: "The configuration has a value that is not allowed.",
    remedy: "Correct the value that is named.",
  },
  PTTH_PROXY_UNUSABLE: {
    exit: 2,
    title: "HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names a proxy that cannot be used.",
    remedy:
      "Set it to an address such as http://proxy.example.com:3128, except the relay in NO_PROXY, or unset it.",
  },
  PTTH_PROXY_REFUSED: {
    exit: 1,
    title: "The proxy between server and relay refuses the connection.",
    remedy:
      "Put user and password into HTTPS_PROXY or HTTP_PROXY as http://USER:PASSWORD@HOST:PORT, or ask who runs the proxy to let the relay pass.",
  },
  PTTH_CONFIG_INCOMPLETE: {
    exit: 2,
    title: "The configuration lacks a required key.",
    remedy: "Add the key or flag that is named.",
  },
  PTTH_CONFIG_EXPOSED: {
    exit: 2,
    title: "The configuration contains a key, and other users can read it.",
    remedy: "Run `chmod 600` on the file.",
  },
  PTTH_KEY_WEAK: {
    exit: 2,
    title: "Won't run because the key is too weak.",
    remedy: "Generate one with `ptth keygen`.",
  },
  PTTH_ROOT_NOT_FOLDER: {
    exit: 2,
    title: "The path to serve is neither a folder nor a file.",
    remedy: "Use a folder or a file that exists.",
  },
  PTTH_INSECURE_RELAY: {
    exit: 2,
    title: "The relay's address is plain http, so the key would be sent unencrypted.",
    remedy: "Use https, or --insecure if you trust the network.",
  },
  PTTH_ENGINE_UNAVAILABLE: {
    exit: 2,
    title: "The engine of the cluster cannot be used.",
    remedy: "Check `engine` in [cluster], whether the engine runs, and the network.",
  },
  PTTH_PORT_IN_USE: {
    exit: 3,
    title: "The address is already in use.",
    remedy: "Stop the other program, or use another address; port 0 picks a free one.",
  },
  PTTH_CANNOT_BIND: {
    exit: 3,
    title: "It is not possible to listen on this address.",
    remedy: "Use an address of this machine, and a port that this user may open.",
  },
  PTTH_NO_FILE_HANDLES: {
    isLogged: true,
    title: "The process has too few file handles for all connections.",
    remedy: "Raise its limit of open files: `ulimit -n`, or LimitNOFILE= of its service.",
  },
  PTTH_KEY_REFUSED: {
    exit: 4,
    title: "The relay refuses this server's key.",
    remedy: "Register the printed tripcode in the relay's configuration.",
  },
  PTTH_TICKET_REFUSED: {
    isLogged: true,
    title:
      "The relay does not accept the ticket: it has expired, was used before, or is for another relay.",
    remedy:
      "Ask the relay's administrator for a new one, as `ptth relay invite` prints it, or wait for approval.",
  },
  PTTH_RELAY_UNTRUSTED: {
    exit: 4,
    title: "The relay's certificate is not trusted.",
    remedy: "Pass the certificate with --ca, or give the relay one that is trusted.",
  },
  PTTH_RELAY_EXPIRED: {
    exit: 4,
    title: "The relay's certificate is not valid at this time.",
    remedy: "Renew the certificate on the relay, or correct the clock of this machine.",
  },
  PTTH_RELAY_WRONG_NAME: {
    exit: 4,
    title: "The relay's certificate is for another host.",
    remedy:
      "Use the host of the certificate in the relay's address, or give the relay a certificate for this one.",
  },
  PTTH_RELAY_UNREACHABLE: {
    isLogged: true,
    title: "The relay cannot be reached.",
    remedy:
      "Check the relay's address (`relay_url`, or `--relay`), whether the relay runs, and the network.",
  },
  PTTH_RELAY_NO_TLS: {
    isLogged: true,
    title: "The relay's address is https://, but the other end does not speak TLS.",
    remedy:
      "Check the port in the relay's address, or use http:// if the relay is meant to be without TLS.",
  },
  PTTH_RELAY_NEEDS_TLS: {
    isLogged: true,
    title: "The relay's address is http://, but the other end speaks TLS.",
    remedy: "Use https:// in the relay's address.",
  },
  PTTH_RELAY_HANDSHAKE: {
    isLogged: true,
    title: "The TLS handshake with the relay failed.",
    remedy:
      "Check the program that does TLS for the relay: it has to offer TLS 1.2 or 1.3 for this host.",
  },
  PTTH_NO_WEBSOCKETS: {
    isLogged: true,
    title: "The relay is there, but WebSockets do not reach it.",
    remedy:
      "Let every proxy between server and relay pass WebSockets (Upgrade and Connection), or use the transport classic.",
  },
  PTTH_NOT_A_RELAY: {
    isLogged: true,
    title: "What answers at the relay's address is not a relay.",
    remedy:
      "Use the relay's own address: not that of its administrator's side, and not that of a server for visitors.",
  },
  PTTH_NEEDS_STREAM: {
    isLogged: true,
    title: "This server is to end its visitors' TLS, which needs the transport stream.",
    remedy:
      "Use the transport stream or auto, and let every proxy between server and relay pass WebSockets.",
  },
  PTTH_NO_CERTIFICATE: {
    isLogged: true,
    title: "This server is to end its visitors' TLS, but has no certificate.",
    remedy:
      "Set acme to your mail address, or tls_cert and tls_key to files with a certificate for the server's host.",
  },
  PTTH_ACME_UNREACHABLE: {
    isLogged: true,
    title: "The certificate authority cannot be reached, or fails.",
    remedy:
      "Check acme_directory, acme_ca and the network; the relay tries again, and its certificates stay in use.",
  },
  PTTH_ACME_REFUSED: {
    isLogged: true,
    title: "The certificate authority refuses to give a certificate.",
    remedy: "Correct what the authority names; the relay tries again.",
  },
  PTTH_ACME_CHALLENGE: {
    isLogged: true,
    title: "The certificate authority could not check that a host is this relay's.",
    remedy:
      "Check that the host's DNS entry points to this machine, and that its ports 80 and 443 reach the relay. With acme_dns_hook or acme_dns_server, check that records can be set.",
  },
  PTTH_ACME_LIMIT: {
    isLogged: true,
    title: "A limit of the certificate authority is reached.",
    remedy: "Wait; the relay tries again when the authority says.",
  },
  PTTH_ACME_CLOCK: {
    isLogged: true,
    title: "By this machine's clock, a new certificate is already due for renewal.",
    remedy: "Set the clock; the certificate is used, and the relay tries again.",
  },
  PTTH_STATE_UNUSABLE: {
    isLogged: true,
    title: "The state that the relay stores cannot be read or written.",
    remedy: "Give the relay a folder in state_dir that its user may write.",
  },
  PTTH_WORKER_ENDED: {
    exit: 1,
    title: "A worker of the relay ended unexpectedly.",
    remedy: "Read the log lines before this one, and report it if they do not name the reason.",
  },
  PTTH_ROLL_FAILED: {
    exit: 1,
    title: "The workers of the relay were not all replaced.",
    remedy: "Read the relay's log; the workers that were not replaced continue as before.",
  },
  PTTH_ROLL_ALONE: {
    exit: 1,
    title: "The relay has no workers that could be replaced.",
    remedy:
      "Restart it: other relays of its cluster serve meanwhile, and with a systemd socket new connections wait. Or set `workers` to 2 or more.",
  },
  PTTH_NO_RUNNING_RELAY: {
    exit: 1,
    title: "No running relay was found that has workers or a cluster.",
    remedy: "Use the configuration and the user of the relay that runs, on its machine.",
  },
  PTTH_NOT_HEALTHY: {
    exit: 1,
    title: "The relay is not healthy, or is not there.",
    remedy: "Read the relay's log. Give the address of its /healthz if it listens elsewhere.",
  },
  PTTH_SAME_RELAY_ID: {
    isLogged: true,
    title: "Two relays of the cluster have the same id, and the others use only one of them.",
    remedy: "Give each machine an id of its own in [cluster].",
  },
  PTTH_RUNTIME_FOLDER: {
    exit: 3,
    title: "The folder for the sockets of the relay's workers cannot be used.",
    remedy:
      "Set RUNTIME_DIRECTORY to a folder of the relay's own, with a short path and mode 0700.",
  },
  PTTH_SERVICE_FAILED: {
    exit: 1,
    title: "The service could not be installed, removed or read.",
    remedy: "Run the command that is named yourself, and look at what it says.",
  },
  PTTH_OUTPUT_LOST: {
    exit: 1,
    title: "The output could not be written.",
    remedy: "Free space on the disk that it goes to, or send it elsewhere.",
  },
  PTTH_FOLDER_GONE: {
    exit: 3,
    title: "The folder in which the command was started does not exist any more.",
    remedy: "Start it in another folder, or in the one that is now at this path.",
  },
  PTTH_NODE_TOO_OLD: {
    exit: 1,
    title: "This version of Node is too old.",
    remedy: "Install Node 24 or newer.",
  },
} as const satisfies Record<string, ErrorEntry>

/** A stable error code, such as `PTTH_PORT_IN_USE`. */
export type ErrorCode = keyof typeof entries

/** The codes that a visitor can see: those with a status. */
export type VisitorErrorCode = {
  [Code in ErrorCode]: (typeof entries)[Code] extends { readonly status: number } ? Code : never
}[ErrorCode]

/** All codes, in the order of the documentation. */
export const codes = Object.keys(entries) as ReadonlyArray<ErrorCode>

/** Whether a text is a code. */
export const isErrorCode = (text: string): text is ErrorCode => Object.hasOwn(entries, text)

/** What is fixed about a code. */
export const entry = (code: ErrorCode): ErrorEntry => entries[code]

/** The status that a visitor sees for a code. */
export const statusOf = (code: VisitorErrorCode): number => entries[code].status

/**
 * Login links as addresses, and printing one for somebody who cannot log in.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { AdminLogin } from "./AdminLogin.ts"

/** How long after the last link another one may be printed on request, in milliseconds. */
const printInterval = 10_000

/** What links need to know. */
export interface LoginLinkOptions {
  /** The address of the administrator's side, without a slash at the end; asked for each link. */
  readonly base: () => string
  /** Shows a link where only the administrator reads. */
  readonly announce: (link: string) => Effect.Effect<void>
}

/** See the file's header. */
export class LoginLink extends Context.Service<
  LoginLink,
  {
    /** A new link. */
    readonly create: Effect.Effect<string>
    /** Announces a new link; `false` if the last one is too recent. */
    readonly print: Effect.Effect<boolean>
  }
>()("ptth/relay/admin/LoginLink") {
  /** The service of one relay. */
  static readonly make: (
    options: LoginLinkOptions,
  ) => Effect.Effect<LoginLink["Service"], never, AdminLogin> = Effect.fnUntraced(function* ({
    announce,
    base,
  }) {
    const login = yield* AdminLogin
    let createdAt = Number.NEGATIVE_INFINITY
    const create = Effect.map(Clock.currentTimeMillis, (now) => {
      createdAt = now
      return `${base()}/login/${login.newLink(now)}`
    })
    const print = Effect.flatMap(Clock.currentTimeMillis, (now) =>
      now - createdAt < printInterval
        ? Effect.succeed(false)
        : create.pipe(Effect.flatMap(announce), Effect.as(true)),
    )
    return LoginLink.of({ create, print })
  })
}

/**
 * The names that a live view shows, and which of them its keys are for.
 */
import type { UplinkState } from "../../server/uplink/UplinkState.ts"
import type { ServiceView } from "./OwnerView.ts"

/** What is shown of one name. */
export interface ServiceState {
  readonly name: string
  /** The address for visitors; `undefined` until the relay has announced it. */
  readonly address: string | undefined
  /** `undefined` for a server that visitors reach directly. */
  readonly link: UplinkState | undefined
  /** What is wrong with the application behind it. */
  readonly originProblem: string | undefined
}

interface Entry {
  readonly name: string
  address: string | undefined
  readLink: (() => UplinkState) | undefined
  originProblem: string | undefined
}

/** See the file's header. */
export class ServiceList {
  private readonly entries = new Map<string, Entry>()
  private readonly onChange: () => void
  /** Empty until one is selected. */
  private selectedName = ""

  /** @param onChange called when something is to be redrawn */
  constructor(onChange: () => void) {
    this.onChange = onChange
  }

  /** What tells of a name; see `OwnerView.serve`. */
  add(name: string): Omit<ServiceView, "watch"> {
    const entry: Entry = { name, address: undefined, readLink: undefined, originProblem: undefined }
    let hasCome = false
    const show = (): void => {
      // Only once: a name that ends must not take its place back.
      if (!hasCome) this.entries.set(name, entry)
      hasCome = true
      this.onChange()
    }
    return {
      setAddress: (url) => {
        entry.address = url
        show()
      },
      setLink: (read) => {
        entry.readLink = read
        show()
      },
      setOrigin: (problem) => {
        entry.originProblem = problem
        this.onChange()
      },
      remove: () => {
        if (this.entries.get(name) !== entry) return
        this.entries.delete(name)
        this.onChange()
      },
    }
  }

  /** How many names there are. */
  get size(): number {
    return this.entries.size
  }

  /** All names, in the order in which they came. */
  get states(): ReadonlyArray<ServiceState> {
    return [...this.entries.values()].map(({ address, name, originProblem, readLink }) => ({
      name,
      address,
      link: readLink?.(),
      originProblem,
    }))
  }

  /** Which of the names is selected: the first one, until another one is. */
  get selected(): number {
    return Math.max(0, [...this.entries.keys()].indexOf(this.selectedName))
  }

  /** The address of the selected name. */
  get address(): string | undefined {
    return [...this.entries.values()][this.selected]?.address
  }

  /** Selects the next name. */
  next(): void {
    const names = [...this.entries.keys()]
    this.selectedName = names[(this.selected + 1) % names.length] ?? ""
  }
}

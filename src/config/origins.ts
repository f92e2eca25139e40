/** Collects where each value came from, in the order in which they are asked for. */
export interface Origins {
  /** The first candidate that is there; it is recorded under `key`. */
  pick<T>(key: string, ...candidates: readonly (Candidate<T> | undefined)[]): T | undefined;
  add(key: string, value: string, from: string): void;
  readonly list: readonly Origin[];
}

/** A value that may win, highest rank first. */
export interface Candidate<T> {
  readonly value: T | undefined;
  readonly from: string;
  /** What is shown instead of the value itself. */
  readonly shown?: string;
}

/** Collects where each value came from, in the order in which they are decided. */
export function collectOrigins(): Origins {
  const list: Origin[] = [];
  const add = (key: string, value: string, from: string): void => {
    list.push({ key, value, from });
  };
  return {
    list,
    add,
    pick(key, ...candidates) {
      const winner = candidates.find((candidate) => candidate?.value !== undefined);
      if (winner?.value === undefined) return undefined;
      add(key, winner.shown ?? printable(winner.value), winner.from);
      return winner.value;
    },
  };
}

/** A value on one line. */
export function printable(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(printable).join(', ');
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}

/** Ends the origin of a database's name that nobody said: libpq takes the user's. */
export const AS_THE_USER = " (the user's name)";

/** Where a value came from, for `config show --origin`. */
export interface Origin {
  /** Dotted, e.g. `database.host`. */
  readonly key: string;
  /** Printable; a secret is `set (file /run/…, 0600)`. */
  readonly value: string;
  /** `flag --repository`, `env PGHOST`, `/etc/potctl/config.yaml:12`, `~/.pgpass line 3`, `default`. */
  readonly from: string;
}

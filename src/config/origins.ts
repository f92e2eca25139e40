/** Collects the origin of each value, in the order in which values are requested. */
export interface Origins {
  /** Returns the first candidate that has a value, and records its origin under `key`. */
  pick<T>(key: string, ...candidates: readonly (Candidate<T> | undefined)[]): T | undefined;
  add(key: string, value: string, from: string): void;
  readonly list: readonly Origin[];
}

/** A possible value; candidates are listed highest rank first. */
export interface Candidate<T> {
  readonly value: T | undefined;
  readonly from: string;
  /** What is shown instead of the value itself. */
  readonly shown?: string;
}

/** Creates an empty collection of origins. */
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

/** Suffix of the origin of a database name that was not given: libpq uses the user's name. */
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

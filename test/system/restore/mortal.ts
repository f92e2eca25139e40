import type { Target } from '../../support/restoring.js';

/** Wired parts that can be killed. */
export interface Mortal {
  readonly parts: Target;
  /** Looks to the next start like kill -9: from now on nothing is written to the repository, and no session opens for cleanup. */
  die(): void;
}

/** The same parts until they are killed; `onRecord` receives each record of a run when it is written. */
export function mortal(parts: Target, onRecord: () => void = () => {}): Mortal {
  const { server, repository } = parts;
  let isDead = false;
  const alive = <T>(work: () => Promise<T>): Promise<T> =>
    isDead ? Promise.reject(new Error('this process was killed')) : work();
  return {
    parts: {
      ...parts,
      server: {
        ...server,
        session: (options) => alive(() => server.session(options)),
        maintenanceSession: (purpose) => alive(() => server.maintenanceSession(purpose)),
      },
      repository: {
        ...repository,
        async putDocument(name, text) {
          await alive(() => repository.putDocument(name, text));
          if (name.startsWith('restores/')) onRecord();
        },
      },
    },
    die() {
      isDead = true;
    },
  };
}

import type { Target } from '../../support/restoring.js';

/** Parts that can be killed. */
export interface Mortal {
  readonly parts: Target;
  /** What a kill -9 is to the next start: from now on nothing is written into the repository, and no session opens to tidy up. */
  die(): void;
}

/** The same parts until they die; `onRecord` hears of each record of a run that was written. */
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

import { fromHere } from '../config/paths.js';
import type { Base } from '../host/base.js';
import type { TourEvent } from './events.js';
import type { ThrowAwayServer } from './throw-away.js';
import type { TourResult } from './tour.js';

/** A tour on a temporary PostgreSQL server. */
export interface Demo {
  /** Runs the tour. @param options `keep`: keep the server and the files; `tell` is called for each step */
  tour(options?: { readonly keep?: boolean; readonly tell?: (event: TourEvent) => void }): Promise<TourResult>;
  /** Stops a kept demo and removes it. @param folder may be relative @returns its absolute path */
  stop(folder: string): Promise<string>;
  /** Starts an empty PostgreSQL. @param name part of its directory's name @param note is called with progress messages */
  throwAway(name: string, note: (text: string) => void): Promise<ThrowAwayServer>;
}

/** Wires the tour. Nothing is started before it is needed. */
export function openDemo({ host: { clock, signal, settings, childEnvironment } }: Base): Demo {
  return {
    async tour({ keep = false, tell = () => {} } = {}) {
      const { runTour } = await import('./tour.js');
      return runTour({ clock, signal, environment: settings.environment, tell, keep });
    },
    async stop(folder) {
      const { stopKept } = await import('./keep.js');
      const place = fromHere(folder, settings);
      await stopKept(place);
      return place;
    },
    async throwAway(name, note) {
      const { startThrowAway } = await import('./throw-away.js');
      const { environment } = settings;
      return startThrowAway({ name, note, environment, childEnvironment, signal });
    },
  };
}

import { fromHere } from '../config/paths.js';
import type { Base } from '../host/base.js';
import type { TourEvent } from './events.js';
import type { ThrowAwayServer } from './throw-away.js';
import type { TourResult } from './tour.js';

/** A tour on a throw-away PostgreSQL. */
export interface Demo {
  /** @param options `keep`: leave the server and the files; `tell` hears of each step */
  tour(options?: { readonly keep?: boolean; readonly tell?: (event: TourEvent) => void }): Promise<TourResult>;
  /** Ends a demo that was kept, and removes it. @param folder may be relative @returns its absolute path */
  stop(folder: string): Promise<string>;
  /** An empty PostgreSQL for whoever needs one. @param name stands in the name of its folder @param note hears what takes time */
  throwAway(name: string, note: (text: string) => void): Promise<ThrowAwayServer>;
}

/** Wires the tour. Nothing is started before it is asked for. */
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

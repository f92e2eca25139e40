import { fromHere } from '../config/paths.js';
import type { Base } from '../host/base.js';
import type { TourEvent } from './events.js';
import type { TourResult } from './tour.js';

/** A tour on a throw-away PostgreSQL. */
export interface Demo {
  /** @param keep leave the server and the files running */
  tour(options: { readonly keep: boolean; readonly tell: (event: TourEvent) => void }): Promise<TourResult>;
  /** Ends a demo that was kept, and removes it. @param folder may be relative @returns its absolute path */
  stop(folder: string): Promise<string>;
}

/** Wires the tour. Nothing is started before it is asked for. */
export function openDemo({ host: { clock, signal, settings } }: Base): Demo {
  return {
    async tour({ keep, tell }) {
      const { runTour } = await import('./tour.js');
      return runTour({ clock, signal, environment: settings.environment, tell, keep });
    },
    async stop(folder) {
      const { stopKept } = await import('./keep.js');
      const place = fromHere(folder, settings);
      await stopKept(place);
      return place;
    },
  };
}

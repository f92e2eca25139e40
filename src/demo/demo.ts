import { stopKept } from './keep.js';
import { runTour, type TourRequest, type TourResult } from './tour.js';

export interface DemoRequest extends TourRequest {
  /** The folder of a kept demo: it is ended, instead of a new tour. */
  readonly stop: string | undefined;
}

/** The tour (see {@link runTour}), or the end of one that was kept. */
export async function runDemo(request: DemoRequest): Promise<TourResult | { readonly stopped: string }> {
  if (request.stop === undefined) return runTour(request);
  await stopKept(request.stop);
  return { stopped: request.stop };
}

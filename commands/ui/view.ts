import type { Advice } from '../../src/kernel/next.js';

/** How sizes, times and counts look, in the zone of --tz. */
export interface Formats {
  /** `125.5 MiB` */
  bytes(size: number): string;
  /** `38.2s`, `3m21s`, `1d11h` from milliseconds. */
  duration(ms: number): string;
  /** `2026-11-22 09:51:06Z (2h ago)` in the zone of --tz. */
  time(instant: string | Date): string;
  /** `2026-11-22 09:51:06Z` in the zone of --tz. */
  instant(instant: string | Date): string;
  /** As a clock on the wall shows it: `15:42`, on another day `2026-11-22 15:42`. Local time, unless --tz names a zone. */
  clock(instant: string | Date): string;
  /** `2h`, `1d11h`: how long ago. */
  age(instant: string | Date): string;
  /** `4 812 331` */
  count(value: number): string;
}

/** The drawing surface of `render` and `renderPlan`. It makes control characters from data visible and knows colour and width. */
export interface View extends Formats {
  /** `data` for stdout (the result), or stderr when the view belongs to a plan. */
  line(text?: string): void;
  /** `label   value` pairs, aligned. */
  fields(pairs: readonly (readonly [label: string, value: string])[]): void;
  table(header: readonly string[], rows: readonly (readonly string[])[]): void;
  heading(text: string): void;
  /** Always to stderr: hints, next commands. */
  note(text: Advice): void;
  /** This line as another command of the same noun, about one thing: for the next step with the same flags. */
  again(command: string, argument: string): string;
  /** Advice as text: its commands with what they need to work in the same place. Notes do it by themselves. */
  spelled(given: Advice): string;
  /** Words carry the meaning, colour only repeats it. */
  paint(style: 'good' | 'warn' | 'bad' | 'dim' | 'strong', text: string): string;
  /** Columns of the screen; 80 where there is none. */
  readonly width: number;
}

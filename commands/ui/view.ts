import type { Advice } from '../../src/kernel/next.js';

/** Formats sizes, times and counts, in the time zone of --tz. */
export interface Formats {
  /** `125.5 MiB` */
  bytes(size: number): string;
  /** `38.2s`, `3m21s`, `1d11h`, from milliseconds. */
  duration(ms: number): string;
  /** `2026-11-22 09:51:06Z (2h ago)` in the time zone of --tz. */
  time(instant: string | Date): string;
  /** `2026-11-22 09:51:06Z` in the time zone of --tz. */
  instant(instant: string | Date): string;
  /** As a clock on the wall shows it: `15:42`, or `2026-11-22 15:42` on another day. Local time unless --tz names a zone. */
  clock(instant: string | Date): string;
  /** How long ago: `2h`, `1d11h`. */
  age(instant: string | Date): string;
  /** `4,812,331` */
  count(value: number): string;
}

/** What `render` and `renderPlan` draw on. It escapes control characters in data and knows colors and width. */
export interface View extends Formats {
  /** Writes a line to stdout, or to stderr if the view shows a plan. On a terminal, long lines wrap between words; commands stay whole. */
  line(text?: string): void;
  /** Writes a line that is never wrapped: SQL, JSON, a path. */
  raw(text: string): void;
  /** Writes aligned `label  value` pairs. On a terminal, long values wrap. */
  fields(pairs: readonly (readonly [label: string, value: string])[]): void;
  /** Writes a table. On a terminal, text that is too wide wraps in its own column; ids, times and amounts stay whole. */
  table(header: readonly string[], rows: readonly (readonly string[])[]): void;
  heading(text: string): void;
  /** Writes a hint or a next command, always to stderr. */
  note(text: Advice): void;
  /** Returns this command line with another verb and argument and the same flags, for a next step. */
  again(command: string, argument: string): string;
  /** Returns advice as text, its commands with the flags they need here. `note` does this by itself. */
  spelled(given: Advice): string;
  /** Colors text. The words must carry the meaning without it. */
  paint(style: 'good' | 'warn' | 'bad' | 'dim' | 'strong', text: string): string;
  /** Columns of the screen; 80 if there is none. */
  readonly width: number;
}

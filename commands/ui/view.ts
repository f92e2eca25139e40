/** The drawing surface of `render` and `renderPlan`. It makes control characters from data visible and knows colour and width. */
export interface View {
  /** `data` for stdout (the result), or stderr when the view belongs to a plan. */
  line(text?: string): void;
  /** `label   value` pairs, aligned. */
  fields(pairs: readonly (readonly [label: string, value: string])[]): void;
  table(header: readonly string[], rows: readonly (readonly string[])[]): void;
  heading(text: string): void;
  /** Always to stderr: hints, next commands. */
  note(text: string): void;
  /** Words carry the meaning, colour only repeats it. */
  paint(style: 'good' | 'warn' | 'bad' | 'dim' | 'strong', text: string): string;
  bytes(size: number): string;
  duration(ms: number): string;
  /** `2026-11-22 09:51:06Z (2h ago)` in the zone of --tz. */
  time(instant: string | Date): string;
  count(value: number): string;
  readonly width: number;
}

/** Backup codes for the alternate screen. */
export function codesScreen(lines: readonly string[]): string[] {
  return [
    'Backup codes: each one works once, in the place of a code from the app.',
    'Write them down or print them now: they are not shown again.',
    '',
    ...lines.map((code, at) => `   ${String(at + 1).padStart(2)}   ${code}`),
    '',
    'Any key wipes this screen.',
  ];
}

/**
 * Backup codes for the alternate screen.
 *
 * @param use what they are good for, to follow a colon
 */
export function codesScreen(lines: readonly string[], use: string): string[] {
  return [
    `Backup codes: ${use}`,
    'Write them down or print them now: they are not shown again.',
    '',
    ...lines.map((code, at) => `   ${String(at + 1).padStart(2)}   ${code}`),
    '',
    'Any key wipes this screen.',
  ];
}

/**
 * Whether a list such as `protected: [restore, prune, mfa.disable]` contains this command, by its noun, its verb, or both.
 *
 * @param command as typed, e.g. `backup prune`
 */
export function isProtected(protectedOnes: readonly string[], command: string): boolean {
  const words = [command.replace(' ', '.'), ...command.split(' ')];
  return protectedOnes.some((name) => words.includes(name));
}
